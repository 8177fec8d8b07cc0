create or replace function walhook.check_members(subject text, given jsonb, allowed text[])
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    unknown text;
    likely  text;
begin
    if jsonb_typeof(given) <> 'object' then
        perform walhook.refuse(subject, format('expected an object, found %s', walhook.json_kind(given)), 'Write it as in {"name": …}.');
    end if;
    select m into unknown from jsonb_object_keys(given) as m where m <> all (allowed) limit 1;
    if unknown is not null then
        likely := walhook.closest_word(unknown, allowed);
        perform walhook.refuse_value(subject, format('unknown member %s', to_json(left(unknown, 63))),
            case when likely is null then 'Leave it out.' else format('Did you mean %s?', to_json(likely)) end,
            null, array_to_string(allowed, ', '));
    end if;
end
$$;
comment on function walhook.check_members(text, jsonb, text[]) is 'Refuses JSON of the subject that is no object, or has a member that is not one of those allowed; null passes.';
revoke all on function walhook.check_members(text, jsonb, text[]) from public;
