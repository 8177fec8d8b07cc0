-- relation_oid: the table called $1, as SQL spells it.
select to_regclass($1)::oid
