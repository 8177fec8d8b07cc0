create or replace function walhook.take_secret(of_endpoint uuid, of_purpose text, called text, given text, subject text)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if given = '***' then
        if not exists (
            select
            from   walhook.endpoint_secret as s
            where  s.endpoint_id = of_endpoint
            and    s.purpose = of_purpose
            and    s.name = called
        ) then
            perform walhook.refuse(subject, '*** stands for the value that is kept, and none is kept for this host',
                'Give the value itself: what is kept is sent to no other host.');
        end if;
        return given;
    end if;
    insert into walhook.endpoint_secret (endpoint_id, purpose, name, value)
    values (of_endpoint, of_purpose, called, given)
    on conflict (endpoint_id, purpose, name) where purpose <> 'signing' do update
    set    value = excluded.value,
           created_at = now();
    return '***';
end
$$;
comment on function walhook.take_secret(uuid, text, text, text, text) is 'Puts a secret of an endpoint where only the daemon reads it, and returns what is shown in its place.';
revoke all on function walhook.take_secret(uuid, text, text, text, text) from public;
