create or replace function walhook.take_slot(of_slot text, at_host text, at_pid integer)
returns bigint
language sql
set search_path = pg_catalog, pg_temp
as $$
    select pg_advisory_xact_lock(hashtext('walhook.owner'), hashtext(of_slot));
    insert into walhook.owner as o (slot, epoch, host, pid)
    values (of_slot, 1, at_host, at_pid)
    on conflict (slot) do update
    set    epoch = o.epoch + 1,
           host = excluded.host,
           pid = excluded.pid,
           taken_at = now()
    returning epoch
$$;
comment on function walhook.take_slot(text, text, integer) is 'Makes the caller the owner of the slot and returns its epoch. The daemon calls it once replication has started.';
revoke all on function walhook.take_slot(text, text, integer) from public;
