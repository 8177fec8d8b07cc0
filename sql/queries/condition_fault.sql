-- condition_fault: what PostgreSQL has against the condition $2 for rows of the table $1.
select walhook.condition_fault($1::oid::regclass, $2) as message
