create or replace function walhook.managed_endpoint(called text)
returns walhook.endpoint
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    endpoint walhook.endpoint;
begin
    select e.*
    into   endpoint
    from   walhook.endpoint as e
    where  e.name = called
    and    e.removed_at is null;
    -- Somebody else's endpoint is as unknown as one that does not exist.
    if not found or not walhook.may_manage(endpoint.application) then
        perform walhook.refuse('endpoint', format('there is no endpoint %s', coalesce(quote_literal(called), 'null')),
            'select name from walhook.endpoint shows yours.');
    end if;
    return endpoint;
end
$$;
comment on function walhook.managed_endpoint(text) is 'The endpoint called so, if the caller manages it.';
revoke all on function walhook.managed_endpoint(text) from public;
