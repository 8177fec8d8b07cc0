create or replace function walhook.check_tls(given jsonb)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    file record;
begin
    perform walhook.check_members('tls', given, '{ca_file,cert_file,key_file}');
    for file in select key as name, value from jsonb_each(coalesce(given, '{}')) loop
        if jsonb_typeof(file.value) <> 'string' then
            perform walhook.refuse(format('tls.%s', file.name), format('expected a string, found %s', walhook.json_kind(file.value)), 'Write a path in double quotes.');
        end if;
    end loop;
    if coalesce(given ->> 'cert_file', '') <> '' and coalesce(given ->> 'key_file', '') = '' then
        perform walhook.refuse('tls', 'a client certificate without its key', 'Add "key_file": "/path/to/key.pem".');
    elsif coalesce(given ->> 'key_file', '') <> '' and coalesce(given ->> 'cert_file', '') = '' then
        perform walhook.refuse('tls', 'a client key without its certificate', 'Add "cert_file": "/path/to/cert.pem".');
    end if;
end
$$;
comment on function walhook.check_tls(jsonb) is 'Refuses files of TLS that do not belong together; null passes. Whether they are there the daemon sees.';
revoke all on function walhook.check_tls(jsonb) from public;
