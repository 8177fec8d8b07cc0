create or replace function walhook.origin_of(url text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select lower(regexp_replace(substring(url from '^[^/?#]*//[^/?#]*'), '//.*@', '//'))
$$;
comment on function walhook.origin_of(text) is 'Scheme, host and port of a URL.';
revoke all on function walhook.origin_of(text) from public;
