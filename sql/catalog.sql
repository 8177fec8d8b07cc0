create or replace view walhook.event_catalog with (security_invoker = true) as
select type.event_type                                      as event_type,
       type.event                                           as event,
       model.label                                          as model,
       model.relation                                       as relation,
       (taken.receiver).name                                as endpoint_name,
       array(
           select shown.field
           from   walhook.shown_fields(model, taken.receiver) as shown
           where  type.event <> 'truncated'
           order  by shown.place
       )                                                    as fields,
       (
           select string_agg(case when count > 1 then format('(%s)', condition) else condition end, ' and ' order by place)
           from   (
                      select given.condition, given.place, count(*) over () as count
                      from   (values (1, model.condition), (2, (type.derived).condition), (3, (taken.receiver).condition)) as given (place, condition)
                      where  btrim(given.condition) <> ''
                  ) as said
       )                                                    as condition,
       walhook.example_payload(model, type.event, type.event_type, taken.receiver) as example
from   walhook.captured_models() as model
cross  join lateral walhook.events_of(model) as type
left   join lateral (
           select endpoint as receiver
           from   walhook.endpoint as endpoint
           cross  join lateral walhook.refused_by_settings(endpoint, model, type.event, type.event_type) as refused
           where  endpoint.removed_at is null
           and    refused.reason is null
       ) as taken on true
where  model.enabled
and    type.event = any (model.events);
comment on view walhook.event_catalog is 'One row for each event type, kind of change and endpoint that gets it; without an endpoint where none does. Custom events are not in it: emit makes them.';
comment on column walhook.event_catalog.event_type is 'As in order.updated; member type of the payload.';
comment on column walhook.event_catalog.event is 'The kind of change: created, updated, deleted or truncated.';
comment on column walhook.event_catalog.model is 'Label of the model.';
comment on column walhook.event_catalog.relation is 'Its table.';
comment on column walhook.event_catalog.endpoint_name is 'The receiver, paused or not; null: nobody gets it.';
comment on column walhook.event_catalog.fields is 'Columns that it gets, after include_fields and exclude_fields.';
comment on column walhook.event_catalog.condition is 'What a change must meet: the conditions of model, event type and endpoint.';
comment on column walhook.event_catalog.example is 'A body as it gets it, redacted fields masked, before its transform; values are made up from the columns'' types.';
