-- create_slot: slot $1 in place of one that is gone.
select lsn
from   pg_create_logical_replication_slot($1, 'pgoutput')
