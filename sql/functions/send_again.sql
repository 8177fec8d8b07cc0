create or replace function walhook.send_again(of_delivery uuid)
returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    waiting   walhook.pending;
    final     walhook.attempt;
    is_old    boolean := false;
    body_hash bigint;
begin
    -- Nothing here waits: for the daemon, or for somebody who asks for the same.
    select p.* into waiting from walhook.pending as p where p.delivery_id = of_delivery for update skip locked;
    if not found and exists (select from walhook.pending as p where p.delivery_id = of_delivery) then
        return 'it is changing just now; try again';
    end if;
    if waiting.is_cancelled then
        return 'its cancellation is not settled yet; try again';
    elsif waiting.state = 'retry' then
        -- Under the version that the daemon may have seen: if it is sending this very retry, that
        -- is the redelivery, and its outcome counts.
        update walhook.pending as p set next_at = now(), charged = 0 where p.delivery_id = of_delivery;
        return null;
    elsif waiting.state is not null then
        return case waiting.state
                   when 'in_flight' then 'it is being sent'
                   when 'blocked'   then 'it waits behind an earlier event of its row: redeliver or cancel that one'
                   when 'held'      then format('it is held (%s)', waiting.hold_reason)
                   else 'it is about to be sent'
               end;
    end if;
    select a.* into final
    from   walhook.attempt as a
    where  a.delivery_id = of_delivery and a.outcome in ('success', 'failed', 'cancelled')
    for    update skip locked;
    if not found then
        -- Its day was dropped by the retention.
        select a.* into final
        from   walhook.failed_attempt as a
        where  a.delivery_id = of_delivery and a.outcome in ('success', 'failed', 'cancelled')
        for    update skip locked;
        is_old := found;
    end if;
    if not found then
        return case
                   when exists (select from walhook.attempt as a where a.delivery_id = of_delivery)
                     or exists (select from walhook.failed_attempt as a where a.delivery_id = of_delivery)
                   then 'it is changing just now; try again'
                   else 'the endpoint never had this event'
               end;
    elsif final.payload is null then
        return 'its body is not kept any more';
    end if;
    if final.attempt < 0 then
        -- A cancellation is no attempt, and another one would have the same number.
        delete from walhook.attempt as a where a.delivery_id = of_delivery and a.attempt = final.attempt;
    elsif is_old then
        update walhook.failed_attempt as a
        set    outcome = 'superseded',
               payload = null
        where  a.delivery_id = of_delivery and a.attempt = final.attempt;
    else
        update walhook.attempt as a
        set    outcome = 'superseded',
               payload = null
        where  a.delivery_id = of_delivery and a.attempt = final.attempt;
    end if;
    body_hash := ('x' || left(md5(final.payload), 16))::bit(64)::bigint;
    insert into walhook.body (event_id, shape, body)
    values (final.event_id, body_hash, final.payload)
    on conflict do nothing;
    insert into walhook.pending
           (delivery_id, endpoint_id, commit_lsn, ordinal, event_id, event_type, committed_at, key_hash, former_key_hash,
            shape, bytes, awaits_template, state, next_at, attempts, status_code, error_message, is_apart)
    values (final.delivery_id, final.endpoint_id, final.commit_lsn, final.ordinal, final.event_id, final.event_type,
            final.committed_at, 0, 0, body_hash, octet_length(final.payload),
            -- Without an attempt that came past the template, what was kept is what it is made of.
            not exists (
                select
                from   walhook.attempt as a
                where  a.delivery_id = of_delivery
                and    a.attempt > 0
                and    a.error_class is distinct from 'template'),
            'retry', now(),
            case when final.attempt > 0 then final.attempt else -1 - final.attempt end,
            final.status_code, final.error_message, true);
    return null;
end
$$;
comment on function walhook.send_again(uuid) is 'Lets a delivery go out at once: one that waits for its next attempt, or one that has ended. Returns why not, or null.';
revoke all on function walhook.send_again(uuid) from public;
