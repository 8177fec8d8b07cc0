create or replace function walhook.check_condition(subject text, given text, relation regclass, label text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
declare
    "row"   text := walhook.row_of_nulls(relation);
    problem text;
    fix     text;
begin
    perform walhook.check_condition_words(subject, given);
    -- Prepared, so that types and columns are judged and nothing is run: this is done as the owner.
    -- The inner select is there for `event`, which comes before a column of that name.
    begin
        execute format(
            'prepare walhook_condition as select from (select %1$s) as new, (select %1$s) as old
             where exists (select from (select null::text as event) as change where (%2$s))', "row", given);
        deallocate walhook_condition;
    exception
        when others then
            get stacked diagnostics problem = message_text, fix = pg_exception_hint;
            perform walhook.refuse(subject, format('on %s, %s', label, problem),
                coalesce(nullif(fix, ''), 'Write a boolean expression of SQL; columns are new.… and old.…, as in new.status = ''paid''.'));
    end;
end
$$;
comment on function walhook.check_condition(text, text, regclass, text) is 'Refuses a condition of the subject that PostgreSQL would not take over rows of the table, which is called by the label.';
revoke all on function walhook.check_condition(text, text, regclass, text) from public;
