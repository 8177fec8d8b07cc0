create or replace function walhook.check_globs(subject text, given text[], example text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
declare
    glob    text;
    problem text;
begin
    perform walhook.check_list(subject, given, 1000);
    foreach glob in array coalesce(given, '{}') loop
        problem := case
            when btrim(glob) = ''          then 'must not be empty'
            when glob ~ '^\s|\s$'          then 'white space around the pattern'
            when glob ~ '[[:cntrl:]]'      then 'a control character in the pattern'
            when octet_length(glob) > 255  then 'the pattern is too long'
            when glob ~ '[*][*]'           then '`**` is no more than `*`'
            when glob ~ ','                then 'a list in one string'
            when glob ~ '[][?{}]'          then 'only `*` is special in a pattern'
        end;
        if problem is not null then
            perform walhook.refuse_value(subject, problem, format('Write patterns as in ''{%s}'', one in each element.', example),
                quote_literal(glob), 'text in which * stands for any characters');
        end if;
    end loop;
end
$$;
comment on function walhook.check_globs(text, text[], text) is 'Refuses a list of patterns of the subject that cannot be meant; the example shows in the hint. Null passes.';
revoke all on function walhook.check_globs(text, text[], text) from public;
