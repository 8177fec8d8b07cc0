create or replace function walhook.resume(
    in  name        text,
    in  send_held   boolean default true,
    out event_id    text,
    out delivery_id uuid,
    out action      text,
    out why_not     text
)
returns setof record
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    receiver  walhook.endpoint := walhook.managed_endpoint(resume.name);
    cancelled record;
    count     bigint           := 0;
begin
    update walhook.endpoint as e
    set    state = 'active',
           disabled_reason = null,
           consecutive_failures = 0,
           failing_since = null,
           updated_at = now()
    where  e.id = receiver.id
    and    e.state <> 'active';
    if not found then
        action := 'none';
        why_not := 'it is active';
        return next;
        return;
    end if;
    action := 'resume';
    return next;
    if not coalesce(send_held, true) then
        action := 'cancel';
        for cancelled in
            update walhook.pending as p
            set    is_cancelled = true,
                   cancel_reason = format('not sent when %s resumed the endpoint', walhook.caller()),
                   next_at = case p.state when 'retry' then now() end
            where  p.endpoint_id = receiver.id
            and    not p.is_cancelled
            returning p.event_id, p.delivery_id
        loop
            event_id := cancelled.event_id;
            delivery_id := cancelled.delivery_id;
            count := count + 1;
            return next;
        end loop;
    end if;
    perform walhook.log_operation('resume', receiver.name, jsonb_build_object('send_held', send_held, 'cancelled', count));
    perform pg_notify('walhook', '');
end
$$;
comment on function walhook.resume(text, boolean) is 'Takes a paused or disabled endpoint back into service: its failures count from zero, and what was held goes out in order, or, if send_held is false, ends as cancelled, a row for each.';
revoke all on function walhook.resume(text, boolean) from public;
