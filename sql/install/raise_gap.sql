with former as (
    select c.confirmed_lsn,
           c.at
    from   walhook.checkpoint as c
    where  c.slot = :'slot'
    order  by c.flush desc
    limit  1
), raised as (
    insert into walhook.alert (severity, kind, message, details)
    select 'critical',
           'gap',
           :'message',
           jsonb_build_object(
               'slot',      s.slot_name,
               'from_lsn',  former.confirmed_lsn,
               'from_time', former.at,
               'to_lsn',    s.confirmed_flush_lsn,
               'to_time',   now())
    from   former
    cross  join pg_replication_slots as s
    where  s.slot_name = :'slot'
    returning id
)
select pg_notify('walhook_alert', id::text)
from   raised;
