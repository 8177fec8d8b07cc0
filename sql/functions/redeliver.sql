create or replace function walhook.redeliver(
    inout event_id    text,
    in    endpoint    text,
    out   delivery_id uuid,
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
    receiver walhook.endpoint := walhook.managed_endpoint(redeliver.endpoint);
    event    bytea            := walhook.event_bytes(redeliver.event_id);
begin
    if event is null then
        perform walhook.refuse('event_id', format('%s is not an event id', coalesce(quote_literal(redeliver.event_id), 'null')),
            'Give evt_ and 26 characters, as in webhook_log.event_id or the header X-Webhook-Event-Id.');
    end if;
    delivery_id := walhook.delivery_of(event, receiver.id);
    why_not := coalesce(walhook.out_of_service(receiver), walhook.send_again(delivery_id));
    action := case when why_not is null then 'redeliver' else 'none' end;
    if why_not is null then
        perform walhook.log_operation('redeliver', receiver.name, jsonb_build_object('event_id', redeliver.event_id));
        perform pg_notify('walhook', '');
    end if;
    return next;
end
$$;
comment on function walhook.redeliver(text, text) is 'Sends an event to an endpoint once more, at once, whether it had succeeded, failed, or waits for its next attempt, which this replaces; with a retry schedule of its own. It may overtake other events of its row. Says what it did: redeliver, or none and why not.';
revoke all on function walhook.redeliver(text, text) from public;
