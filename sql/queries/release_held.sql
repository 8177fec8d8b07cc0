-- release_held: events held for reason $2 at endpoint $1 become ready; how many.
with released as (
    update walhook.pending
    set    state = 'ready',
           hold_reason = null,
           version = version + 1
    where  endpoint_id = $1
    and    state = 'held'
    and    hold_reason = $2
    returning delivery_id
)
select count(*) from released
