create or replace function walhook.set_secret(name text, secret text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform walhook.keep_signing_secret(set_secret.name, secret, interval '0');
    perform walhook.log_operation('set_secret', set_secret.name);
end
$$;
comment on function walhook.set_secret(text, text) is 'Lets the endpoint of this name sign with this secret alone, at once. rotate_secret makes one and lets the former sign for a while.';
revoke all on function walhook.set_secret(text, text) from public;
