create or replace function walhook.delivery_of(event bytea, receiver uuid)
returns uuid
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    id bytea := substr(event, 1, 6) || substr(sha256(event || uuid_send(receiver)), 1, 10);
begin
    -- Version 8, variant 2.
    id := set_byte(id, 6, get_byte(id, 6) & 15 | 128);
    id := set_byte(id, 8, get_byte(id, 8) & 63 | 128);
    return encode(id, 'hex')::uuid;
end
$$;
comment on function walhook.delivery_of(bytea, uuid) is 'The delivery of an event (its bytes) to an endpoint, as the daemon makes it.';
revoke all on function walhook.delivery_of(bytea, uuid) from public;
