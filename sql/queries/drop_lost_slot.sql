-- drop_lost_slot: slot $1, if it can be read no more.
select pg_drop_replication_slot(slot_name)
from   pg_replication_slots
where  slot_name = $1
and    wal_status = 'lost'
