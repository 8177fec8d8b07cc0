-- note_failures: final failures that the callback is to be told of, in the transaction that logs them.
with noted as (
    insert into walhook.failure (delivery_id, attempt)
    select g.delivery_id, g.attempt
    from   unnest($1::uuid[], $2::int4[]) as g (delivery_id, attempt)
    on conflict do nothing
    returning delivery_id
)
select pg_notify('walhook_failure', count(*)::text)
from   noted
