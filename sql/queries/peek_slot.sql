-- peek_slot: decodes from slot $1 under publication $2, as the daemon would, up to the first
-- transaction with changes, and leaves everything where it is. Fails where the daemon would.
select count(*)
from   pg_logical_slot_peek_binary_changes(
           $1, null, 1,
           'proto_version', '1',
           'publication_names', quote_ident($2))
