create or replace function walhook.condition_fault(relation regclass, condition text)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    message text;
begin
    -- Prepared and no more: a plan would already evaluate what is constant.
    execute format(
        'prepare walhook_condition as select from (select (null::%1$s).*) as new,'
        ' (select (null::%1$s).*) as old, (select null::text) as change (event) where %2$s',
        relation, condition);
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
