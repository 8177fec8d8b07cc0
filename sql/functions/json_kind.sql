create or replace function walhook.json_kind(given jsonb)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case jsonb_typeof(given)
               when 'object'  then 'an object'
               when 'array'   then 'a list'
               when 'string'  then 'a string'
               when 'number'  then 'a number'
               when 'boolean' then 'true or false'
               else 'null'
           end
$$;
comment on function walhook.json_kind(jsonb) is 'What a given JSON value is, for messages.';
revoke all on function walhook.json_kind(jsonb) from public;
