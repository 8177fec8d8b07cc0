create or replace function walhook.check_auth(given jsonb)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
declare
    kind   text := given ->> 'type';
    needed text[];
    member record;
begin
    if given is null then
        return;
    end if;
    perform walhook.check_members('auth', given,
        '{type,username,password,token,client_id,client_secret,token_url,scope}');
    if kind is null then
        perform walhook.refuse('auth', '`type` is missing', '"type": "basic", "type": "bearer" or "type": "oauth2"');
    end if;
    perform walhook.check_word('auth.type', kind, '{basic,bearer,oauth2}');
    needed := case kind
        when 'basic'  then '{username,password}'
        when 'bearer' then '{token}'
        else '{client_id,client_secret,token_url}'
    end;
    for member in select key as name, value, value #>> '{}' as text, 'auth.' || key as subject from jsonb_each(given) where key <> 'type' loop
        -- Values are never shown.
        if not (member.name = any (needed) or kind = 'oauth2' and member.name = 'scope') then
            perform walhook.refuse('auth', format('`%s` does not belong to this type of auth', member.name), format('Leave `%s` out.', member.name));
        elsif jsonb_typeof(member.value) <> 'string' then
            perform walhook.refuse(member.subject, format('expected a string, found %s', walhook.json_kind(member.value)), 'Put it in double quotes.');
        elsif member.text = '' and member.name in ('password', 'token', 'client_secret') then
            perform walhook.refuse(member.subject, 'the secret is empty', 'Give it a value, or set auth to null.');
        elsif member.text = '' and member.name = 'client_id' then
            perform walhook.refuse(member.subject, 'must not be empty', 'Write the client''s id.');
        elsif member.name = 'username' and member.text ~ '[:[:cntrl:]]' then
            perform walhook.refuse(member.subject, 'basic auth cannot carry this name', 'Leave out : and control characters.');
        elsif member.name = 'token' and member.text !~ '^[\x21-\x7e]+$' then
            perform walhook.refuse(member.subject, 'not a bearer token', 'Visible ASCII characters only, without spaces.');
        elsif member.name = 'token_url' then
            perform walhook.check_url(member.subject, member.text, false);
        elsif member.name = 'scope' and member.text !~ '^([!#-\[\]-~]+( [!#-\[\]-~]+)*)?$' then
            perform walhook.refuse_value(member.subject, 'not a list of scopes', '"scope": "webhooks:read webhooks:write"', quote_literal(member.text),
                'words of visible ASCII without " and \, between single spaces');
        end if;
    end loop;
    select n as name into member from unnest(needed) as n where not given ? n limit 1;
    if found then
        perform walhook.refuse('auth', format('`%s` is missing', member.name), format('Add "%s": "…".', member.name));
    end if;
end
$$;
comment on function walhook.check_auth(jsonb) is 'Refuses credentials that are incomplete, do not belong together or cannot be sent; null passes.';
revoke all on function walhook.check_auth(jsonb) from public;
