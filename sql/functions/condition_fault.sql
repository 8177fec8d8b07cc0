create or replace function walhook.condition_fault(relation regclass, condition text)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    "row"   text := walhook.row_of_nulls(relation);
    message text;
begin
    -- Prepared and no more: a plan would already evaluate what is constant. The inner select is
    -- there for `event`, which comes before a column of that name.
    execute format(
        'prepare walhook_condition as select from (select %1$s) as new, (select %1$s) as old
         where exists (select from (select null::text as event) as change where (%2$s))', "row", condition);
    execute 'deallocate walhook_condition';
    return null;
exception
    when others then
        get stacked diagnostics message = message_text;
        return message;
end
$$;
comment on function walhook.condition_fault(regclass, text) is 'What PostgreSQL has against a condition over new, old and event for rows of a table; null if nothing. Evaluates nothing.';
revoke all on function walhook.condition_fault(regclass, text) from public;
