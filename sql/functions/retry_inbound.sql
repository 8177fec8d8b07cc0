create or replace function walhook.retry_inbound(
    inout id       bigint,
    out   source   text,
    out   event_id text,
    out   action   text,
    out   why_not  text
)
returns setof record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    asked alias for $1;
    event walhook.inbound_event;
    is_wanted boolean;
begin
    select e.* into event from walhook.inbound_event as e where e.id = asked for update skip locked;
    if not found then
        select e.* into event from walhook.inbound_event as e where e.id = asked;
        return query select asked, event.source, event.event_id, 'none'::text,
            case when event.id is null then 'there is no such event' else 'its handlers are running' end;
        return;
    end if;
    select exists (select from walhook.inbound_handler as h
                   where  h.source = event.source
                   and    coalesce(event.event_type, '') like h.like_pattern)
           or exists (select from walhook.inbound_mapping as m
                      where  m.source = event.source
                      and    (m.like_patterns = '{}' or coalesce(event.event_type, '') like any (m.like_patterns)))
    into   is_wanted;
    return query select event.id, event.source, event.event_id, 'none'::text, refused.why
    from   (select case
                       when event.status = 'processed' then 'it is processed: its handlers have run, and run once'
                       when event.claimed_by = any (walhook.inbound_processors()) then 'its handlers are running'
                       when event.status = 'received' then 'it is due already'
                       when event.payload is null and event.raw is null then 'its content is past the retention'
                       when not is_wanted then 'no handler and no mapping takes its type'
                   end as why) as refused
    where  refused.why is not null;
    if found then
        return;
    end if;
    update walhook.inbound_event as e
    set    status = case e.status when 'ignored' then 'received' else e.status end,
           next_retry_at = now(),
           claimed_by = null
    where  e.id = asked;
    perform pg_notify('walhook_inbound', '');
    return query select event.id, event.source, event.event_id, 'retry'::text, null::text;
end
$$;
comment on function walhook.retry_inbound(bigint) is 'Lets the handlers of a failed or ignored inbound event run again at once. Says what it did: retry, or none and why not.';
revoke all on function walhook.retry_inbound(bigint) from public;
