create or replace function walhook.set_user(actor jsonb)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    -- The WAL keeps the bytes as they are, and the daemon reads UTF-8.
    select pg_logical_emit_message(true, 'walhook.user',
        convert_to(coalesce(actor::text, 'null'), 'UTF8'))
$$;
comment on function walhook.set_user(jsonb) is 'Names the actor, as in {"id": 7}, who does the changes in the rest of this transaction: the "user" of their events. Null clears it.';
revoke all on function walhook.set_user(jsonb) from public;
grant execute on function walhook.set_user(jsonb) to public;
