create or replace function walhook.check_signing(given walhook.endpoint)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    profile text;
begin
    perform walhook.check_list('signature', given.signature, 4);
    foreach profile in array coalesce(given.signature, '{}') loop
        perform walhook.check_word('signature', profile, '{x-webhook,standard,body,x-signature}');
    end loop;
    if (select count(distinct p) < count(*) from unnest(given.signature) as p) then
        perform walhook.refuse('signature', 'a profile is named twice', 'Name each profile once.');
    elsif given.signature @> '{x-webhook,body}' then
        perform walhook.refuse('signature', '`x-webhook` and `body` exclude each other: both set X-Webhook-Signature', 'Keep one of the two.');
    elsif given.signature = '{}' and given.signed then
        perform walhook.refuse('signature', 'secrets, but no profile to sign with', 'signature = ''{x-webhook,standard}''');
    elsif given.auth is not null and exists (select from jsonb_object_keys(given.headers) as h where lower(h) = 'authorization') then
        perform walhook.refuse('headers', 'the header authorization is set by `auth`', 'Keep one of the two.');
    elsif 'x-signature' = any (given.signature) and exists (select from jsonb_object_keys(given.headers) as h where lower(h) = 'x-signature') then
        perform walhook.refuse('headers', 'the header x-signature is set by `signature`', 'Keep one of the two.');
    elsif given.signed and 'standard' = any (coalesce(given.signature, '{standard}')) and exists (
        select
        from   walhook.endpoint_secret as s
        where  s.endpoint_id = given.id
        and    s.purpose = 'signing'
        and    (s.expires_at is null or s.expires_at > now())
        and    not walhook.is_standard_secret(s.value)
    ) then
        perform walhook.refuse('signature', 'the secret does not fit the profile `standard`', 'Set another with walhook.set_secret or rotate_secret first.');
    end if;
end
$$;
comment on function walhook.check_signing(walhook.endpoint) is 'Refuses profiles of signatures that cannot stand together, or with the headers and secrets.';
revoke all on function walhook.check_signing(walhook.endpoint) from public;
