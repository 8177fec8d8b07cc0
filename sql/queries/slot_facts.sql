-- slot_facts: what slot_state does not say of slot $1, and whether publication $2 may be younger
-- than it: its row was written by a transaction that the slot still knows of.
-- By way of jsonb, since PostgreSQL 15 lacks some of the columns.
select coalesce((f.slot ->> 'temporary')::bool, false)      as is_temporary,
       coalesce((f.slot ->> 'two_phase')::bool, false)      as is_two_phase,
       f.slot ->> 'invalidation_reason'                     as invalidation_reason,
       coalesce((
           select age(f.catalog_xmin) >= age(p.xmin)
           from   pg_publication as p
           where  p.pubname = $2
       ), false)                                            as is_older_than_publication
from   (
           select to_jsonb(s)    as slot,
                  s.catalog_xmin as catalog_xmin
           from   pg_replication_slots as s
           where  s.slot_name = $1
       ) as f
