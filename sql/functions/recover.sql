create or replace function walhook.recover(
    endpoint text,
    since    timestamptz,
    until    timestamptz default now(),
    dry_run  boolean     default true
)
returns table (event_id text, delivery_id uuid, action text, why_not text)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    most     constant integer := 10000;
    receiver walhook.endpoint := walhook.managed_endpoint(recover.endpoint);
    failed   record;
    seen     integer          := 0;
    sent     integer          := 0;
begin
    if since is null or until is null or since > until then
        perform walhook.refuse('since', 'not a window of time', 'Give a beginning and an end after it, as in now() - interval ''2 hours'', now().');
    end if;
    why_not := walhook.out_of_service(receiver);
    if why_not is not null and not dry_run then
        action := 'none';
        return next;
        return;
    end if;
    for failed in
        select a.event_id, a.delivery_id, a.payload is not null as has_body,
               -- No attempt was made, and the row is not kept to ask the condition of again.
               a.error_class is not distinct from 'condition' as is_undecided
        from   (
                   select * from walhook.attempt        where outcome = 'failed'
                   union all
                   select * from walhook.failed_attempt where outcome = 'failed'
               ) as a
        where  a.endpoint_id = receiver.id
        and    a.started_at >= since
        and    a.started_at < until
        order  by a.started_at
        limit  most + 1
    loop
        seen := seen + 1;
        exit when seen > most;
        event_id := failed.event_id;
        delivery_id := failed.delivery_id;
        why_not := case
                       when failed.is_undecided then 'its condition raised an error, so nobody knows whether it was to be sent; redeliver sends it'
                       when not dry_run         then walhook.send_again(failed.delivery_id)
                       when not failed.has_body then 'its body is not kept any more'
                   end;
        action := case when why_not is not null then 'none' when dry_run then 'would redeliver' else 'redeliver' end;
        sent := sent + case when action = 'redeliver' then 1 else 0 end;
        return next;
    end loop;
    if seen > most then
        event_id := null;
        delivery_id := null;
        action := 'none';
        why_not := format('there are more than %s; %s', most,
            case when dry_run then 'dry_run => false sends these, and again the next' else 'call it again for the next' end);
        return next;
    end if;
    if sent > 0 then
        perform walhook.log_operation('recover', receiver.name,
            jsonb_build_object('since', since, 'until', until, 'deliveries', sent));
        perform pg_notify('walhook', '');
    end if;
end
$$;
comment on function walhook.recover(text, timestamptz, timestamptz, boolean) is 'Sends again what finally failed at an endpoint since one time and until another, oldest first, at most 10,000 a call; what it has sent again it does not find twice. Only says what it would send unless dry_run is false. May overtake other events of a row. Says for each what it did: redeliver, would redeliver, or none and why not.';
revoke all on function walhook.recover(text, timestamptz, timestamptz, boolean) from public;
