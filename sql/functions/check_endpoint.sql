create or replace function walhook.check_endpoint(given walhook.endpoint)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if given.name is null or given.name !~ '^[A-Za-z0-9_.-]{1,63}$' then
        perform walhook.refuse('name', 'not a name for an endpoint', 'Use 1 to 63 of A-Z, a-z, 0-9, _, . and -, as in crm.');
    end if;
    if exists (
        select
        from   walhook.endpoint as e
        where  e.name = given.name
        and    e.id <> given.id
        and    e.removed_at is null
    ) then
        perform walhook.refuse('name', format('another endpoint is called %s', given.name), 'Give it a name of its own.');
    end if;
    if not exists (select from walhook.application as a where a.name = given.application) then
        perform walhook.refuse('application', format('there is no application %s', quote_literal(given.application)),
            'Insert it into walhook.application first, or leave it out for default.');
    end if;
    if given.url !~* '^https?://[^/?#[:space:]]+([/?#]\S*)?$' then
        perform walhook.refuse('url', 'not an absolute http or https URL', 'Write it whole, as in https://example.com/hooks.');
    end if;
end
$$;
comment on function walhook.check_endpoint(walhook.endpoint) is 'Refuses an endpoint whose settings cannot be meant.';
revoke all on function walhook.check_endpoint(walhook.endpoint) from public;
