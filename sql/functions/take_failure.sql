create or replace function walhook.take_failure(of_delivery uuid, last_attempt integer)
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    failed record;
    sent   jsonb;
begin
    perform
    from   walhook.failure as f
    where  f.delivery_id = of_delivery and f.attempt = last_attempt
    for    update skip locked;
    if not found then
        return null;
    end if;
    delete from walhook.failure as f where f.delivery_id = of_delivery and f.attempt = last_attempt;
    select a.event_id, a.error_class, a.error_message, a.payload, e.name
    into   failed
    from   walhook.attempt  as a
    join   walhook.endpoint as e on e.id = a.endpoint_id
    where  a.delivery_id = of_delivery and a.attempt = last_attempt;
    -- Dropped with its day by the retention.
    if not found then
        return null;
    end if;
    begin
        sent := convert_from(failed.payload, 'UTF8')::jsonb;
    exception
        -- jsonb does not hold everything that JSON may say, as \u0000.
        when data_exception or program_limit_exceeded then
            sent := null;
    end;
    return jsonb_build_object(
        'endpoint',    failed.name,
        'event_id',    failed.event_id,
        'payload',     sent,
        'error_class', failed.error_class,
        'error',       failed.error_message,
        'attempts',    last_attempt);
end
$$;
comment on function walhook.take_failure(uuid, integer) is 'What [delivery] failure_callback is told of a final failure, which is told once; null if it has been.';
revoke all on function walhook.take_failure(uuid, integer) from public;
