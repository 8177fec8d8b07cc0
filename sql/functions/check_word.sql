create or replace function walhook.check_word(subject text, given text, allowed text[])
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if given <> all (allowed) then
        perform walhook.refuse_value(subject, 'not one of the possible values',
            format('%s = ''%s''', subject, coalesce(walhook.closest_word(given, allowed), allowed[1])), quote_literal(given), array_to_string(allowed, ', '));
    end if;
end
$$;
comment on function walhook.check_word(text, text, text[]) is 'Refuses a word of the subject that is not one of those allowed; null passes.';
revoke all on function walhook.check_word(text, text, text[]) from public;
