create or replace function walhook.check_interval(subject text, given interval, low interval, high interval)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if given not between low and high then
        perform walhook.refuse_value(subject, 'out of range', format('%s = interval ''%s''', subject, greatest(low, least(given, high))),
            given::text, format('%s to %s', low, high));
    end if;
end
$$;
comment on function walhook.check_interval(text, interval, interval, interval) is 'Refuses a duration of the subject that is not between the two others; null passes.';
revoke all on function walhook.check_interval(text, interval, interval, interval) from public;
