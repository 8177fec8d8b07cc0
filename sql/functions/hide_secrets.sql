create or replace function walhook.hide_secrets(given walhook.endpoint, former walhook.endpoint)
returns walhook.endpoint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
declare
    kept      walhook.endpoint := given;
    -- The longest user info: it ends at the last @ before the path.
    user_info text := substring(given.url from '^[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)@');
begin
    -- What is kept was given for one host and one token_url: whoever names others would have it
    -- sent there, and so could read it.
    delete from walhook.endpoint_secret as s
    where  s.endpoint_id = given.id
    and    (s.purpose = 'header' and not exists (
               select
               from   jsonb_object_keys(coalesce(given.headers, '{}')) as header
               where  lower(header) = s.name)
            or s.purpose = 'auth' and s.name <> 'user_info' and not coalesce(given.auth, '{}') ? s.name
            or s.purpose = 'auth' and s.name = 'user_info' and given.url is distinct from former.url
            or s.purpose in ('header', 'auth') and walhook.origin_of(given.url) is distinct from walhook.origin_of(former.url)
            or s.purpose = 'auth' and given.auth ->> 'token_url' is distinct from former.auth ->> 'token_url');
    if user_info is not null then
        perform walhook.take_secret(given.id, 'auth', 'user_info', user_info, 'url');
        kept.url := regexp_replace(given.url, '^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#]*@', '\1');
    end if;
    if given.auth is not null and exists (
        select
        from   walhook.endpoint_secret as s
        where  s.endpoint_id = given.id
        and    s.purpose = 'auth'
        and    s.name = 'user_info'
    ) then
        perform walhook.refuse('auth', 'the URL has user info as well', 'Keep one of the two.');
    end if;
    if given.headers is not null then
        select coalesce(jsonb_object_agg(h.key, walhook.take_secret(
                   given.id, 'header', lower(h.key), h.value, format('headers.%s', h.key))), '{}')
        into   kept.headers
        from   jsonb_each_text(given.headers) as h;
    end if;
    if given.auth is not null then
        select jsonb_object_agg(m.key, case
                   when m.key in ('password', 'token', 'client_secret') then walhook.take_secret(
                       given.id, 'auth', m.key, m.value, format('auth.%s', m.key))
                   else m.value
               end)
        into   kept.auth
        from   jsonb_each_text(given.auth) as m;
    end if;
    return kept;
end
$$;
comment on function walhook.hide_secrets(walhook.endpoint, walhook.endpoint) is 'Takes header values, secrets of auth and the URL''s user info out of an endpoint''s row; the former row is null for a new one.';
revoke all on function walhook.hide_secrets(walhook.endpoint, walhook.endpoint) from public;
