create or replace function walhook.check_events(given text[])
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    words constant text[] := '{created,updated,deleted,truncated,custom}';
    pattern        text;
    likely         text;
begin
    if given = '{}' then
        perform walhook.refuse('events', 'an endpoint without events hears nothing', 'events = ''{*}'', or enabled = false');
    end if;
    perform walhook.check_globs('events', given, 'order.*');
    foreach pattern in array coalesce(given, '{}') loop
        continue when pattern ~ '[.*]' or pattern = any (words);
        likely := walhook.closest_word(pattern, words);
        perform walhook.refuse_value('events', 'not an event pattern',
            case when likely is null then format('Write %s.* for every event of that name.', pattern)
                 else format('Did you mean %s?', likely) end,
            quote_literal(pattern),
            array_to_string(words, ', ') || ', or a type as in order.created, order.*, *.created, *');
    end loop;
end
$$;
comment on function walhook.check_events(text[]) is 'Refuses patterns of events that cannot be meant; null passes.';
revoke all on function walhook.check_events(text[]) from public;
