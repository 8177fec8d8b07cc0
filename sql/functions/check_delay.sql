create or replace function walhook.check_delay(subject text, given jsonb)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    longest constant interval := interval '30 days';
    told    constant text     := given #>> '{}';
begin
    if jsonb_typeof(given) not in ('string', 'number') then
        perform walhook.refuse(subject, format('expected a duration, found %s', walhook.json_kind(given)), 'Write it as in "5m".');
    elsif walhook.duration_of(told) is null then
        perform walhook.refuse_value(subject, case when told ~ '^[0-9]+$' then 'a duration needs a unit' else 'not a duration' end,
            case when told ~ '^[0-9]{1,7}$' and told::integer <= 2592000 then format('Write "%ss" for seconds.', told) else 'Write it as in "5m".' end,
            told, 'a whole number with ms, s, m, h or d, from 0s to 30d');
    elsif walhook.duration_of(told) > longest then
        perform walhook.refuse_value(subject, 'out of range', 'Write "30d" at most.', told, '0s to 30d');
    end if;
end
$$;
comment on function walhook.check_delay(text, jsonb) is 'Refuses what is no delay between attempts of the subject, as in "5m".';
revoke all on function walhook.check_delay(text, jsonb) from public;
