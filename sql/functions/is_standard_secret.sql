create or replace function walhook.is_standard_secret(secret text)
returns boolean
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    -- The padding is optional, but must be right.
    select secret !~ '^whsec_'
    or     secret ~ '^whsec_([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=?|[A-Za-z0-9+/]{2}(==)?)$'
$$;
comment on function walhook.is_standard_secret(text) is 'Whether a secret can be a key of the profile standard: text, or base64 after whsec_.';
revoke all on function walhook.is_standard_secret(text) from public;
