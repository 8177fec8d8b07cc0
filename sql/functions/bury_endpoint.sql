create or replace function walhook.bury_endpoint()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into walhook.endpoint (id, name, application, url, method, signature, managed_by, created_by, created_at, removed_at)
    values (old.id, old.name, old.application, old.url, old.method, old.signature, old.managed_by, old.created_by, old.created_at, now())
    on conflict (id) do nothing;
    return null;
end
$$;
comment on function walhook.bury_endpoint() is 'Keeps the name of a deleted endpoint for the log.';
revoke all on function walhook.bury_endpoint() from public;

create or replace trigger endpoint_buried
    after delete on walhook.endpoint
    for each row when (old.removed_at is null)
    execute function walhook.bury_endpoint();
