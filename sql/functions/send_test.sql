create or replace function walhook.send_test(
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
    receiver walhook.endpoint := walhook.managed_endpoint(send_test.name);
    moment   timestamptz      := clock_timestamp();
    event    bytea;
    payload  bytea;
begin
    why_not := walhook.out_of_service(receiver);
    if why_not is not null then
        action := 'none';
        return next;
        return;
    end if;
    -- The time in ms, and ten random bytes: two of them would be the same as often as two uuids.
    event := substr(int8send((extract(epoch from moment) * 1000)::bigint), 3)
             || substr(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 1, 10);
    event_id := walhook.event_text(event);
    delivery_id := walhook.delivery_of(event, receiver.id);
    payload := convert_to(format(
        '{"id":"%s","type":"webhook.test","event":"custom","schema_version":1,"timestamp":"%s","model":null,"object":{"message":"%s"},"changes":null,"user":null}',
        event_id,
        to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'This is a test: walhook reaches this endpoint.'), 'UTF8');
    insert into walhook.body (event_id, shape, body) values (send_test.event_id, 0, payload);
    insert into walhook.pending
           (delivery_id, endpoint_id, commit_lsn, ordinal, event_id, event_type, committed_at, key_hash, former_key_hash,
            shape, bytes, state, next_at, is_apart)
    values (send_test.delivery_id, receiver.id, pg_current_wal_insert_lsn(), 0, send_test.event_id, 'webhook.test', moment, 0, 0,
            0, octet_length(payload), 'retry', now(), true);
    action := 'send';
    perform walhook.log_operation('send_test', receiver.name, jsonb_build_object('event_id', event_id));
    perform pg_notify('walhook', '');
    return next;
end
$$;
comment on function walhook.send_test(text) is 'Sends an event webhook.test to this endpoint alone, signed and logged like any; whatever its filters say. Says what it did: send, or none and why not.';
revoke all on function walhook.send_test(text) from public;
