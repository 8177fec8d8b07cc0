create or replace function walhook.event_bytes(event_id text)
returns bytea
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    bits  text;
    bytes bytea := decode(repeat('00', 16), 'hex');
begin
    if event_id is null or event_id !~ '^evt_[0-7][0-9ABCDEFGHJKMNPQRSTVWXYZ]{25}$' then
        return null;
    end if;
    select string_agg((strpos('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(event_id, place, 1)) - 1)::bit(5)::text, '' order by place)
    into   bits
    from   generate_series(5, 30) as place;
    -- Twenty-six digits of five bits are two bits more than an id has.
    for byte in 0 .. 15 loop
        bytes := set_byte(bytes, byte, substr(bits, 3 + 8 * byte, 8)::bit(8)::integer);
    end loop;
    return bytes;
end
$$;
comment on function walhook.event_bytes(text) is 'The 16 bytes that an event id stands for, the first six being its time in ms; null if the text is no event id.';
revoke all on function walhook.event_bytes(text) from public;
