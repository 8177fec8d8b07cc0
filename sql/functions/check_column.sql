create or replace function walhook.check_column(subject text, given text, relation regclass)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    columns text[];
    likely  text;
begin
    select array_agg(a.attname::text order by a.attnum)
    into   columns
    from   pg_attribute as a
    where  a.attrelid = relation
    and    a.attnum > 0
    and    not a.attisdropped;
    if given <> all (columns) then
        likely := walhook.closest_word(given, columns);
        perform walhook.refuse(subject, format('%s has no column %s', relation, quote_literal(given)),
            case when likely is null then 'Name a column as it is spelt in the table.' else format('Did you mean %s?', likely) end);
    end if;
end
$$;
comment on function walhook.check_column(text, text, regclass) is 'Refuses a given name of the subject that no column of the table, the relation, has.';
revoke all on function walhook.check_column(text, text, regclass) from public;
