create or replace function walhook.cancel(
    out   event_id    text,
    inout delivery_id uuid,
    out   action      text,
    out   why_not     text
)
returns setof record
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    known   record;
    waiting walhook.pending;
begin
    select d.event_id, d.ended, e.name, e.application
    into   known
    from   (
               select p.event_id, p.endpoint_id, null as ended from walhook.pending as p where p.delivery_id = cancel.delivery_id
               union all
               select a.event_id, a.endpoint_id, a.outcome
               from   walhook.attempt as a
               where  a.delivery_id = cancel.delivery_id and a.outcome in ('success', 'failed', 'cancelled')
           ) as d
    join   walhook.endpoint as e on e.id = d.endpoint_id;
    action := 'none';
    -- Somebody else's delivery is as unknown as one that does not exist.
    if not found or not walhook.may_manage(known.application) then
        why_not := 'there is no such delivery, or it has not come to the queue';
        return next;
        return;
    end if;
    event_id := known.event_id;
    select p.* into waiting from walhook.pending as p where p.delivery_id = cancel.delivery_id for update skip locked;
    why_not := case
                   when known.ended is not null      then format('it has ended: %s', known.ended)
                   when waiting.delivery_id is null  then 'it is changing just now; try again'
                   when waiting.is_cancelled         then 'it is cancelled already'
                   when waiting.state = 'in_flight'  then 'it is being sent'
               end;
    if why_not is null then
        -- Where it stands, and under the version that the daemon may have seen: others wait for it
        -- to end, and if it is being sent this comes too late.
        update walhook.pending as p
        set    is_cancelled = true,
               cancel_reason = format('cancelled by %s', walhook.caller()),
               next_at = case p.state when 'retry' then now() end
        where  p.delivery_id = cancel.delivery_id;
        action := 'cancel';
        perform walhook.log_operation('cancel', known.name, jsonb_build_object('event_id', known.event_id, 'delivery_id', cancel.delivery_id));
        perform pg_notify('walhook', '');
    end if;
    return next;
end
$$;
comment on function walhook.cancel(uuid) is 'Ends a delivery that waits (webhook_log.id) without sending it; what waits behind it goes on. An attempt that is under way already still counts. Says what it did: cancel, or none and why not.';
revoke all on function walhook.cancel(uuid) from public;
