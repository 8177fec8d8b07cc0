-- note_faults: what is wrong with rows of the configuration: tables $1, keys $2, faults $3, null where nothing is.
with told as materialized (
    select t."table", t.key, t.fault
    from   unnest($1::text[], $2::text[], $3::text[]) as t ("table", key, fault)
), endpoints as (
    update walhook.endpoint as e
    set    fault = told.fault
    from   told
    where  told."table" = 'endpoint'
    and    e.id::text = told.key
    and    e.fault is distinct from told.fault
), models as (
    update walhook.model as m
    set    fault = told.fault
    from   told
    where  told."table" = 'model'
    and    m.label = told.key
    and    m.fault is distinct from told.fault
)
update walhook.event_type as t
set    fault = told.fault
from   told
where  told."table" = 'event_type'
and    t.name = told.key
and    t.fault is distinct from told.fault
