-- status_slot: how replication from slot $1 does.
select s.active,
       s.wal_status,
       s.confirmed_flush_lsn::text                                      as confirmed_lsn,
       pg_wal_lsn_diff(pg_current_wal_lsn(), s.confirmed_flush_lsn)::int8 as lag_bytes,
       -- A daemon with nothing to do confirms only every 64 KB: as long as it streams and is no
       -- further behind than twice that, it has seen everything.
       case
           when s.active and pg_wal_lsn_diff(pg_current_wal_lsn(), s.confirmed_flush_lsn) <= 131072 then 0
           else greatest(0, extract(epoch from now() - c.at))
       end::float8                                                      as lag_seconds,
       s.safe_wal_size                                                  as safe_wal_bytes,
       -- What was written since the last checkpoint says how fast the rest goes.
       case
           when s.wal_status = 'lost' then 0
           when pg_wal_lsn_diff(pg_current_wal_lsn(), s.confirmed_flush_lsn) > 131072 and s.safe_wal_size is not null
               then greatest(0, s.safe_wal_size) * extract(epoch from now() - c.at)
                    / pg_wal_lsn_diff(pg_current_wal_lsn(), s.confirmed_flush_lsn)
       end::float8                                                      as seconds_to_loss,
       o.host                                                           as owner_host,
       o.pid                                                            as owner_pid
from   pg_replication_slots as s
left   join walhook.owner   as o on o.slot = s.slot_name
left   join lateral (
           select newest.at
           from   walhook.checkpoint as newest
           where  newest.slot = s.slot_name
           order  by newest.flush desc
           limit  1
       ) as c on true
where  s.slot_name = $1
