create or replace function walhook.refused_by_settings(
    receiver   walhook.endpoint,
    model      walhook.model,
    event      text,
    event_type text,
    out reason text,
    out fix    text
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    models text[];
begin
    select a.models into models from walhook.application as a where a.name = receiver.application;
    if not receiver.enabled then
        reason := 'the endpoint has enabled = false';
        fix := walhook.how_to_set('endpoint', receiver.name, receiver.managed_by, 'enabled', 'true');
    elsif not walhook.fits_glob(model.label, models) then
        reason := format('the application %s may receive %s, which %s is not', receiver.application, coalesce(models::text, '{}'), model.label);
        fix := format('have walhook_admin add %s to application.models of %s', model.label, receiver.application);
    elsif coalesce(receiver.include_models, '{}') <> '{}' and not walhook.fits_glob(model.label, receiver.include_models) then
        reason := format('include_models = %s does not name %s', receiver.include_models, model.label);
        fix := walhook.how_to_set('endpoint', receiver.name, receiver.managed_by, 'include_models', format('include_models || %L', array[model.label]));
    elsif walhook.fits_glob(model.label, receiver.exclude_models) then
        reason := format('exclude_models = %s names %s', receiver.exclude_models, model.label);
        fix := walhook.how_to_set('endpoint', receiver.name, receiver.managed_by, 'exclude_models',
            quote_literal(array(select glob from unnest(receiver.exclude_models) as glob where not walhook.glob_matches(glob, model.label))));
    elsif not walhook.wants_event(coalesce(receiver.events, '{*}'), event, event_type) then
        reason := format('events = %s does not name %s', receiver.events, event_type);
        fix := walhook.how_to_set('endpoint', receiver.name, receiver.managed_by, 'events', format('events || %L', array[event_type]));
    elsif event = 'updated' and not exists (select from walhook.shown_fields(model, receiver)) then
        reason := format('include_fields and exclude_fields leave no field of %s, so that no update is one', model.label);
        fix := walhook.how_to_set('endpoint', receiver.name, receiver.managed_by, 'include_fields',
            quote_literal(coalesce(case jsonb_typeof(receiver.include_fields) when 'object' then receiver.include_fields end, '{}')
                || jsonb_build_object(model.label, '["…"]'::jsonb)));
    end if;
end
$$;
comment on function walhook.refused_by_settings(walhook.endpoint, walhook.model, text, text) is 'Why a receiver, the endpoint, never gets a model''s changes of the kind event as this event_type, whatever the row, and what to do about it; null if it may.';
revoke all on function walhook.refused_by_settings(walhook.endpoint, walhook.model, text, text) from public;
