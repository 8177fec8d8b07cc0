-- activate: rows of the configuration whose message stands in a commit at $3: table $1, key $2.
with endpoints as (
    update walhook.endpoint as e
    set    active_from = $3
    from   unnest($1::text[], $2::text[]) as told ("table", key)
    where  told."table" = 'endpoint'
    and    e.id::text = told.key
    and    e.active_from is null
), models as (
    update walhook.model as m
    set    active_from = $3
    from   unnest($1::text[], $2::text[]) as told ("table", key)
    where  told."table" = 'model'
    and    m.label = told.key
    and    m.active_from is null
)
update walhook.event_type as t
set    active_from = $3
from   unnest($1::text[], $2::text[]) as told ("table", key)
where  told."table" = 'event_type'
and    t.name = told.key
and    t.active_from is null
