create or replace function walhook.check_headers(given jsonb)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
declare
    reserved constant text[] := array[
        'connection', 'content-length', 'content-type', 'expect', 'host', 'keep-alive', 'proxy-connection', 'te',
        'trailer', 'transfer-encoding', 'upgrade', 'user-agent'];
    twice             text;
    header            record;
begin
    if given is null then
        return;
    elsif jsonb_typeof(given) <> 'object' then
        perform walhook.refuse('headers', format('expected an object, found %s', walhook.json_kind(given)), 'headers = ''{"X-API-Key": "…"}''');
    end if;
    if (select count(*) from jsonb_object_keys(given)) > 64 then
        perform walhook.refuse_value('headers', 'too many headers', 'Leave some out.', null, 'at most 64');
    end if;
    select min(key) into twice from jsonb_object_keys(given) as key group by lower(key) having count(*) > 1;
    if twice is not null then
        perform walhook.refuse('headers', format('the header %s is given twice (case does not count)', twice), 'Keep one of the two.');
    end if;
    for header in
        select key as name, value, value #>> '{}' as text, format('headers.%s', left(key, 63)) as subject
        from   jsonb_each(given)
    loop
        -- Values are never shown.
        if header.name !~ '^[A-Za-z0-9!#$%&''*+.^_`|~-]+$' then
            perform walhook.refuse_value('headers', 'not a header''s name', 'Write it as in "X-API-Key".', to_json(header.name)::text,
                'letters, digits and !#$%&''*+-.^_`|~');
        elsif lower(header.name) = any (reserved) or lower(header.name) ~ '^(x-)?webhook-' then
            perform walhook.refuse('headers', format('the header %s is reserved: walhook sets it', to_json(header.name)),
                'Leave it out, or take another name.');
        elsif jsonb_typeof(header.value) <> 'string' then
            perform walhook.refuse(header.subject, format('expected a string, found %s', walhook.json_kind(header.value)), 'Put it in double quotes.');
        elsif header.text = '' then
            perform walhook.refuse(header.subject, 'the secret is empty', 'Give it a value, or leave the header out.');
        elsif header.text ~ '[\r\n]' then
            perform walhook.refuse(header.subject, 'a line break in a header''s value', 'Write it in one line.');
        elsif octet_length(header.text) > 4096 then
            perform walhook.refuse_value(header.subject, format('%s bytes in a header''s value', octet_length(header.text)), 'Shorten it.', null,
                'at most 4096 bytes');
        elsif header.text ~ '[\x01-\x08\x0a-\x1f\x7f]' then
            perform walhook.refuse(header.subject, 'a control character in a header''s value', 'Leave it out.');
        end if;
    end loop;
end
$$;
comment on function walhook.check_headers(jsonb) is 'Refuses custom headers that cannot or must not be sent; null passes.';
revoke all on function walhook.check_headers(jsonb) from public;
