create or replace function walhook.json_or_null(given bytea)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return convert_from(given, 'UTF8')::jsonb;
exception
    -- What a transform made need not be JSON, and not all JSON fits jsonb.
    when data_exception or program_limit_exceeded then
        return null;
end
$$;
comment on function walhook.json_or_null(bytea) is 'What was given as JSON; null if it is none that jsonb can hold.';
revoke all on function walhook.json_or_null(bytea) from public;
