create or replace function walhook.plain_text(value anyelement)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
set datestyle = 'ISO'
set intervalstyle = 'iso_8601'
set timezone = 'UTC'
set extra_float_digits = 3
as $$
    select format('%s', value)
$$;
comment on function walhook.plain_text(anyelement) is 'A value as a text that means the same under whatever settings it is read.';
revoke all on function walhook.plain_text(anyelement) from public;
