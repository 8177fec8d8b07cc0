create or replace function walhook.delivery_floor(at timestamptz)
returns uuid
language sql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select (lpad(to_hex(greatest(0, (extract(epoch from at) * 1000)::bigint)), 12, '0') || '00000000000000000000')::uuid
$$;
comment on function walhook.delivery_floor(timestamptz) is 'The smallest delivery id of changes committed at that time: bounds of the log''s partitions.';
revoke all on function walhook.delivery_floor(timestamptz) from public;
