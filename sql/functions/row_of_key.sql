create or replace function walhook.row_of_key(relation regclass, key jsonb)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    predicate text;
    matches   integer;
begin
    if not has_table_privilege(relation, 'select') then
        perform walhook.refuse('relation', format('you may not read %s', relation),
            format('Have its owner: grant select on %s to %I.', relation, current_user));
    end if;
    predicate := walhook.key_predicate(relation, key);
    execute format('select count(*) from (select from %s as r where %s limit 2) as found', relation, predicate) into matches;
    if matches > 1 then
        perform walhook.refuse('key', 'more than one row has it', 'Name more columns, so that one row is meant.');
    end if;
    return case matches when 1 then predicate end;
end
$$;
comment on function walhook.row_of_key(regclass, jsonb) is 'A condition on r that finds the one row of the relation with this key; null if there is none that the caller sees.';
revoke all on function walhook.row_of_key(regclass, jsonb) from public;
