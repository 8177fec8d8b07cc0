create or replace function walhook.event_text(bytes bytea)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select 'evt_' || string_agg(
               substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(id.bits, 5 * digit + 1, 5)::bit(5)::integer + 1, 1),
               '' order by digit)
    from   (
               select '00' || string_agg(get_byte(bytes, byte)::bit(8)::text, '' order by byte) as bits
               from   generate_series(0, 15) as byte
           ) as id,
           generate_series(0, 25) as digit
$$;
comment on function walhook.event_text(bytea) is 'The event id of 16 bytes: evt_ and 26 digits of Crockford''s base32.';
revoke all on function walhook.event_text(bytea) from public;
