create or replace function walhook.check_url(subject text, given text, has_user_info boolean)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
declare
    example constant text := format('%s = ''https://example.com/hooks''', subject);
    parts            text[];
begin
    -- A URL is never shown: its user info and its query may be secrets.
    if given is null or given = '' then
        perform walhook.refuse(subject, format('`%s` is missing', subject), example);
    elsif octet_length(given) > 4096 then
        perform walhook.refuse_value(subject, 'the URL is too long', 'Shorten it.', null, 'at most 4096 bytes');
    elsif given ~ '[[:space:][:cntrl:]]' then
        perform walhook.refuse(subject, 'white space around or inside the URL', example);
    elsif given ~ '\\' or given !~ '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]' then
        perform walhook.refuse(subject, 'not an absolute URL', example);
    elsif given !~* '^https?:' then
        perform walhook.refuse(subject, 'neither http nor https', example);
    elsif given ~ '#' then
        perform walhook.refuse(subject, 'a fragment is never sent', 'Leave out what follows #.');
    end if;
    -- User info, which ends at the last @ before the path; host; port.
    parts := regexp_match(given, '^[^:]*://(?:([^/?]*)@)?(\[[0-9A-Fa-f:.]+\]|[^]/?@:[<>^|%]+)(?::([0-9]*))?(?:[/?]|$)');
    if parts is null then
        perform walhook.refuse(subject, 'not a URL: no host that can be called', example);
    elsif parts[3] <> '' and (length(parts[3]) > 5 or parts[3]::integer > 65535) then
        perform walhook.refuse(subject, 'not a URL: invalid port number', example);
    elsif parts[3] ~ '^0+$' then
        perform walhook.refuse(subject, 'port 0 cannot be called', example);
    elsif parts[1] is not null and not has_user_info then
        perform walhook.refuse(subject, 'user info is not sent there', example);
    elsif split_part(parts[1], ':', 1) ~* '%3A' then
        perform walhook.refuse(subject, 'the URL''s user info is not what basic auth can carry',
            'auth = ''{"type": "basic", "username": "…", "password": "…"}''');
    end if;
    if given ~* '^http:' then
        raise notice '%: http is refused by the daemon unless [security] allow_http is on', subject
            using hint = 'Take https.';
    end if;
end
$$;
comment on function walhook.check_url(text, text, boolean) is 'Refuses a URL of the subject that cannot be called, or (false) one with user info. Which schemes and addresses are allowed the daemon knows.';
revoke all on function walhook.check_url(text, text, boolean) from public;
