create or replace function walhook.check_retry(given jsonb)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    growing constant text[] := '{max_retries,retry_delay,backoff_factor,max_delay}';
    grown            text;
    member           record;
    element          jsonb;
begin
    if given is null then
        return;
    end if;
    perform walhook.check_members('retry', given, '{schedule,jitter,retry_on_status}' || growing);
    select g into grown from unnest(growing) as g where given ? g limit 1;
    if grown is not null and given ? 'schedule' then
        perform walhook.refuse('retry', format('`schedule` and `%s` exclude each other', grown),
            'Keep `schedule`, or keep `max_retries`, `retry_delay`, `backoff_factor`, `max_delay`.');
    end if;
    for member in select key as name, value, 'retry.' || key as subject from jsonb_each(given) loop
        if member.name in ('schedule', 'retry_on_status') then
            if jsonb_typeof(member.value) <> 'array' then
                perform walhook.refuse(member.subject, format('expected a list, found %s', walhook.json_kind(member.value)), 'Put it in brackets: [ … ].');
            elsif jsonb_array_length(member.value) > 100 then
                perform walhook.refuse_value(member.subject, format('%s elements', jsonb_array_length(member.value)), 'Leave some out.', null, 'at most 100 elements');
            end if;
            for element in select e from jsonb_array_elements(member.value) as e loop
                if member.name = 'schedule' then
                    perform walhook.check_delay(member.subject, element);
                else
                    perform walhook.check_number(member.subject, element, 100, 599, true);
                    if (element #>> '{}')::numeric < 300 then
                        perform walhook.refuse_value(member.subject, 'not a failure, so it is never retried', format('Leave %s out.', element), element::text, '300 to 599');
                    end if;
                end if;
            end loop;
        elsif member.name in ('retry_delay', 'max_delay') then
            perform walhook.check_delay(member.subject, member.value);
        elsif member.name = 'jitter' then
            perform walhook.check_number(member.subject, member.value, 0, 1, false);
        elsif member.name = 'backoff_factor' then
            perform walhook.check_number(member.subject, member.value, 1, 100, false);
        else
            perform walhook.check_number(member.subject, member.value, 0, 100, true);
        end if;
    end loop;
end
$$;
comment on function walhook.check_retry(jsonb) is 'Refuses a retry policy that cannot be meant, in either of its forms; null passes.';
revoke all on function walhook.check_retry(jsonb) from public;
