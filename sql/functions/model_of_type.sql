create or replace function walhook.model_of_type(event_type text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select m.label
    from   walhook.model as m
    where  event_type ~ '[.](created|updated|deleted|truncated)$'
    and    walhook.event_prefix(m.label, m.event_prefix) = regexp_replace(event_type, '[.][^.]*$', '')
    limit  1
$$;
comment on function walhook.model_of_type(text) is 'Label of the model whose own changes have this event type; null if none has.';
revoke all on function walhook.model_of_type(text) from public;
