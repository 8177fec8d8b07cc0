create or replace function walhook.example_value(type regtype)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    kind  record;
    label text;
begin
    select t.typtype, t.typbasetype, t.typelem, t.typcategory, t.typname
    into   kind
    from   pg_type as t
    where  t.oid = type;
    if kind.typtype = 'd' then
        return walhook.example_value(kind.typbasetype);
    elsif kind.typcategory = 'A' and kind.typelem <> 0 then
        return jsonb_build_array(walhook.example_value(kind.typelem));
    elsif kind.typtype = 'e' then
        select e.enumlabel into label from pg_enum as e where e.enumtypid = type order by e.enumsortorder limit 1;
        return to_jsonb(label);
    elsif kind.typtype = 'r' then
        return to_jsonb('[,)'::text);
    end if;
    return case type
               when 'int2'::regtype        then '42'
               when 'int4'::regtype        then '42'
               when 'oid'::regtype         then '42'
               when 'int8'::regtype        then '"42"'
               when 'numeric'::regtype     then '"299.99"'
               when 'float4'::regtype      then '1.5'
               when 'float8'::regtype      then '1.5'
               when 'bool'::regtype        then 'true'
               when 'json'::regtype        then '{}'
               when 'jsonb'::regtype       then '{}'
               when 'timestamptz'::regtype then '"2026-01-16T12:30:00Z"'
               when 'timestamp'::regtype   then '"2026-01-16T12:30:00"'
               when 'date'::regtype        then '"2026-01-16"'
               when 'time'::regtype        then '"12:30:00"'
               when 'timetz'::regtype      then '"12:30:00+00"'
               when 'interval'::regtype    then '"P1D"'
               when 'bytea'::regtype       then '"aGVsbG8="'
               when 'uuid'::regtype        then '"7d444840-9dc0-11d1-b245-5ffdce74fad2"'
               when 'inet'::regtype        then '"192.0.2.1"'
               when 'cidr'::regtype        then '"192.0.2.0/24"'
               else to_jsonb(case when kind.typcategory = 'S' then 'text' else kind.typname::text end)
           end::jsonb;
end
$$;
comment on function walhook.example_value(regtype) is 'A value of the type in the form that payloads have it in: bigint and numeric as strings, times as RFC 3339, bytea as base64.';
revoke all on function walhook.example_value(regtype) from public;
