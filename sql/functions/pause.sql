create or replace function walhook.pause(
    in  name        text,
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
    receiver walhook.endpoint := walhook.managed_endpoint(pause.name);
begin
    update walhook.endpoint as e
    set    state = 'paused',
           disabled_reason = null,
           updated_at = now()
    where  e.id = receiver.id
    and    e.state <> 'paused';
    action := case when found then 'pause' else 'none' end;
    why_not := case when not found then 'it is paused already' end;
    if found then
        perform walhook.log_operation('pause', receiver.name);
        perform pg_notify('walhook', '');
    end if;
    return next;
end
$$;
comment on function walhook.pause(text) is 'Holds the events of an endpoint from now on; requests under way end as they may. resume sends or cancels what is held.';
revoke all on function walhook.pause(text) from public;
