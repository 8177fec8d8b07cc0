create or replace function walhook.explaining()
returns text[]
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select array[
        'explain_event', 'ask_preview', 'capture_fault', 'captured_models', 'check_column', 'closest_word',
        'condition_answer', 'deliveries_of_row', 'event_prefix', 'events_of', 'example_payload', 'example_value',
        'fate_of_change', 'fate_of_event', 'fates_of_row', 'fits_glob', 'glob_matches', 'how_to_set', 'idle_slot',
        'json_kind', 'json_or_null', 'key_predicate', 'managed_endpoint', 'plain_columns', 'plain_text', 'published_part', 'refuse',
        'refused_by_settings', 'row_as_captured', 'row_of_key', 'shown_fields', 'take_preview', 'wants_event']
$$;
comment on function walhook.explaining() is 'Functions that explain_event, preview and event_catalog stand on: they run as whoever asks, who therefore must be let in.';
revoke all on function walhook.explaining() from public;
