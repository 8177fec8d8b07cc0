create or replace function walhook.check_number(subject text, given jsonb, low numeric, high numeric, is_whole boolean)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if jsonb_typeof(given) <> 'number' or is_whole and (given #>> '{}')::numeric % 1 <> 0 then
        perform walhook.refuse(subject,
            format('expected %s, found %s', case when is_whole then 'a whole number' else 'a number' end, walhook.json_kind(given)),
            format('Write one from %s to %s, without quotes.', low, high));
    end if;
    perform walhook.check_range(subject, (given #>> '{}')::numeric, low, high);
end
$$;
comment on function walhook.check_number(text, jsonb, numeric, numeric, boolean) is 'Refuses JSON of the subject that is not a number, or (true) a whole one, between the two.';
revoke all on function walhook.check_number(text, jsonb, numeric, numeric, boolean) from public;
