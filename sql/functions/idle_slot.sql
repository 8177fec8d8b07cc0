create or replace function walhook.idle_slot()
returns text
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select i.slot
    from   walhook.installation   as i
    left   join pg_replication_slots as s on s.slot_name = i.slot
    where  not coalesce(s.active, false)
    limit  1
$$;
comment on function walhook.idle_slot() is 'The replication slot that no daemon streams from; null if one does.';
revoke all on function walhook.idle_slot() from public;
