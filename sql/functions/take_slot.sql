create or replace function walhook.take_slot(
    in  of_slot     text,
    in  at_host     text,
    in  at_pid      integer,
    in  by_holder   uuid,
    out epoch       bigint,
    out since_epoch bigint
)
language sql
set search_path = pg_catalog, pg_temp
as $$
    select pg_advisory_xact_lock(hashtext('walhook.owner'), hashtext(of_slot));
    insert into walhook.owner as o (slot, epoch, since_epoch, holder, host, pid)
    values (of_slot, 1, 1, by_holder, at_host, at_pid)
    on conflict (slot) do update
    set    epoch = o.epoch + 1,
           since_epoch = case when o.holder = by_holder then o.since_epoch else o.epoch + 1 end,
           holder = by_holder,
           host = excluded.host,
           pid = excluded.pid,
           taken_at = now()
    returning o.epoch, o.since_epoch
$$;
comment on function walhook.take_slot(text, text, integer, uuid) is 'Makes the caller the owner of the slot; returns its epoch, and its first one since anybody else had the slot. The daemon calls it once replication has started.';
revoke all on function walhook.take_slot(text, text, integer, uuid) from public;
