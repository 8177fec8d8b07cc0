-- note_fault: what is wrong with a row of the configuration: table $1, key $2, fault $3 or null.
with endpoints as (
    update walhook.endpoint as e
    set    fault = $3
    where  $1 = 'endpoint' and e.id::text = $2 and e.fault is distinct from $3
), models as (
    update walhook.model as m
    set    fault = $3
    where  $1 = 'model' and m.label = $2 and m.fault is distinct from $3
)
update walhook.event_type as t
set    fault = $3
where  $1 = 'event_type' and t.name = $2 and t.fault is distinct from $3
