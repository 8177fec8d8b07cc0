-- Under the lock that every write of the log takes, so that no daemon counts on at the same time.
select pg_advisory_xact_lock(hashtext('walhook.owner'), hashtext(:'slot'));
-- A commit that begins exactly at the slot's position is still to come: the watermark lies before it.
insert into walhook.checkpoint
       (slot, flush, system_identifier, timeline, commit_lsn, ordinal, confirmed_lsn, replay_floor)
select s.slot_name,
       coalesce((select max(c.flush) from walhook.checkpoint as c where c.slot = s.slot_name), 0) + 1,
       (select system_identifier::text from pg_control_system()),
       ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int4,
       s.confirmed_flush_lsn - 1,
       9223372036854775807,
       s.confirmed_flush_lsn,
       'ffffffff-ffff-ffff-ffff-ffffffffffff'
from   pg_replication_slots as s
where  s.slot_name = :'slot';
-- What was configured before has its message in WAL that is skipped.
update walhook.endpoint   set active_from = '0/0' where active_from is null and removed_at is null;
update walhook.model      set active_from = '0/0' where active_from is null;
update walhook.event_type set active_from = '0/0' where active_from is null;
