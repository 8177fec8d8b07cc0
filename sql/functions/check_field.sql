create or replace function walhook.check_field(subject text, given text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if given is null or given = '' or octet_length(given) > 255 or given ~ '[*[:cntrl:]]' then
        perform walhook.refuse_value(subject, 'not a field',
            'Write a column, or a dotted path into a json column as in profile.phone.', quote_literal(given),
            'no globs; 1 to 255 bytes');
    end if;
end
$$;
comment on function walhook.check_field(text, text) is 'Refuses what cannot be the name of a field.';
revoke all on function walhook.check_field(text, text) from public;
