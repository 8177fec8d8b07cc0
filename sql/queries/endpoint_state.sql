-- endpoint_state: what the lane knows of its endpoint, in the transaction of the outcomes it rests on.
-- A state that an operator set stays. Whether it is written: not while somebody changes the row,
-- for a transaction that is left open must not hold up the log.
with free as (
    select id
    from   walhook.endpoint
    where  id = $1
    for no key update skip locked
), written as (
    update walhook.endpoint as e
    set    state = case when $2 then 'disabled' else e.state end,
           disabled_reason = case when $2 then $3 else e.disabled_reason end,
           consecutive_failures = $4,
           failing_since = $5,
           fare_version = $6,
           updated_at = now()
    from   free
    where  e.id = free.id
    returning e.id
)
select exists (select from written)
    or not exists (select from walhook.endpoint where id = $1)
