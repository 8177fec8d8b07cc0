create or replace function walhook.keep_signing_secret(called text, secret text, grace interval)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    most_live constant integer          := 10;
    endpoint           walhook.endpoint := walhook.managed_endpoint(called);
    live               integer;
    next_expiry        timestamptz;
begin
    if endpoint.managed_by = 'config' then
        raise exception 'endpoint %: its secrets live in config.toml', called
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Put the new secret before the old one in `secrets` and reload the daemon (SIGHUP).';
    end if;
    if coalesce(secret, '') = '' or secret = 'whsec_' then
        perform walhook.refuse('secret', 'it is empty', 'Give at least 24 random bytes, or let rotate_secret make one.');
    end if;
    if endpoint.signature = '{}' then
        perform walhook.refuse('signature', format('endpoint %s has no profile to sign with', called), 'signature = ''{x-webhook,standard}''');
    end if;
    if 'standard' = any (coalesce(endpoint.signature, '{standard}')) and not walhook.is_standard_secret(secret) then
        perform walhook.refuse('secret', 'what follows `whsec_` is not base64, which the profile `standard` needs',
            'Take a secret made with: echo whsec_$(openssl rand -base64 48)');
    end if;
    if grace is null or grace < interval '0' or grace > interval '365 days' then
        perform walhook.refuse('grace', 'not between 0 and 365 days', 'Write it as in interval ''24 hours''.');
    end if;
    -- One at a time, or two would think themselves the newest.
    perform from walhook.endpoint as e where e.id = endpoint.id for no key update;
    delete from walhook.endpoint_secret as s
    where  s.endpoint_id = endpoint.id
    and    s.purpose = 'signing'
    and    (s.expires_at <= now() or grace = interval '0');
    select count(*), min(s.expires_at)
    into   live, next_expiry
    from   walhook.endpoint_secret as s
    where  s.endpoint_id = endpoint.id
    and    s.purpose = 'signing';
    if live > most_live then
        perform walhook.refuse('endpoint', format('%s has %s former secrets that still sign; the next expires at %s', called, most_live, next_expiry),
            'Wait for that, or give grace => interval ''0'' to drop them all now.');
    end if;
    update walhook.endpoint_secret as s
    set    expires_at = now() + grace
    where  s.endpoint_id = endpoint.id
    and    s.purpose = 'signing'
    and    s.expires_at is null;
    insert into walhook.endpoint_secret (endpoint_id, purpose, value)
    values (endpoint.id, 'signing', secret);
    update walhook.endpoint as e
    set    signed = true,
           updated_at = now()
    where  e.id = endpoint.id;
end
$$;
comment on function walhook.keep_signing_secret(text, text, interval) is 'Lets an endpoint sign with a secret, and with the former ones for the grace.';
revoke all on function walhook.keep_signing_secret(text, text, interval) from public;
