create or replace function walhook.condition_answer(
    condition text,
    relation  regclass,
    predicate text,
    event     text,
    out verdict text,
    out reason  text
)
language plpgsql
stable
-- As the caller: what a condition runs must not run with anybody else's rights.
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
declare
    code    constant text := regexp_replace(condition, '''([^'']|'''')*''', '''''', 'g');
    columns constant text := walhook.plain_columns(relation);
    answer  boolean;
begin
    if coalesce(btrim(condition), '') = '' then
        return;
    elsif predicate is null and code ~* '(^|[^.\w])(new|old)\M' then
        verdict := 'depends';
        reason := format('is to be judged by the row, and there is none: %s', condition);
        return;
    elsif event = 'updated' and code ~* '(^|[^.\w])old\M' then
        verdict := 'depends';
        reason := format('looks at the row as it was, which only the change knows: %s', condition);
        return;
    end if;
    begin
        execute format(
            'select (select (%1$s) from (select %2$L::text as event) as change)
             from   (select %3$s from (select) as one left join %4$s as r on %5$s) as new,
                    (select %3$s from (select) as one left join %4$s as r on %6$s) as old',
            condition, event, columns, relation,
            case when predicate is null or event = 'deleted' then 'false' else predicate end,
            case when predicate is null or event <> 'deleted' then 'false' else predicate end)
        into answer;
    exception
        when data_exception then
            verdict := 'fails';
            reason := format('raises %s for the row as it is now: %s', sqlerrm, condition);
            return;
        when syntax_error_or_access_rule_violation or feature_not_supported then
            verdict := 'held';
            reason := format('does not fit the table, %s: %s', sqlerrm, condition);
            return;
    end;
    if answer is not true then
        verdict := 'not sent';
        reason := format('is %s%s: %s', coalesce(answer::text, 'null'),
            case when predicate is not null then ' for the row as it is now' end, condition);
    end if;
end
$$;
comment on function walhook.condition_answer(text, regclass, text, text) is 'What a condition says of a change of the kind event to the row of the relation that the predicate on r finds, as the row is now; a null predicate means no row. No verdict: it is met.';
revoke all on function walhook.condition_answer(text, regclass, text, text) from public;
