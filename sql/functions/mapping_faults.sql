create or replace function walhook.mapping_faults(
    table_schema text,
    table_name   text,
    columns      jsonb,
    conflict     text[],
    on_conflict  text,
    search_path  text default current_setting('search_path')
)
returns table (key text, problem text, fix text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    their_path alias for $6;
    relation   text := format('%I.%I', table_schema, table_name);
    given      text[] := array(select c.def ->> 'column' from jsonb_array_elements($3) as c (def));
    state      text;
    message    text;
begin
    if to_regclass(relation) is null then
        return query select 'table', format('the table %s does not exist', relation),
                            'create it, or correct its name'::text;
        return;
    end if;
    return query
    select n.key,
           format('the table %s has no column %I', relation, n.name),
           'add it, or correct its name'::text
    from   (
               select 'columns.' || g.name, g.name from unnest(given) as g (name)
               union all
               select 'conflict', g.name from unnest($4) as g (name)
           ) as n (key, name)
    where  not exists (select from pg_attribute as a
                       where  a.attrelid = to_regclass(relation)
                       and    a.attname = n.name and a.attnum > 0 and not a.attisdropped);
    if found then
        return;
    end if;
    return query
    select 'columns'::text,
           format('the column %I of %s takes no null, has no default, and gets no value', a.attname, relation),
           format('give %I a value, or a default', a.attname)
    from   pg_attribute as a
    where  a.attrelid = to_regclass(relation)
    and    a.attnum > 0
    and    not a.attisdropped
    and    a.attnotnull
    and    not a.atthasdef
    and    a.attidentity = ''
    and    a.attname <> all (given);
    begin
        perform pg_catalog.set_config('search_path', their_path, true);
        -- Plans it, which finds the unique constraint, and runs nothing.
        execute 'explain ' || walhook.mapping_statement($1, $2, $3, $4, $5) using null::walhook.inbound_event;
    exception
        when others then
            get stacked diagnostics state = returned_sqlstate, message = message_text;
            return query select
                case when state = '42P10' then 'conflict' else 'columns' end,
                case
                    when state = '42P10' then format('no unique constraint or index of %s is over exactly %s',
                        relation, (select string_agg(format('%I', c.name), ', ') from unnest($4) as c (name)))
                    else format('PostgreSQL refuses it: %s', message)
                end,
                case
                    when state = '42P10' then format('alter table %s add unique (%s);',
                        relation, (select string_agg(format('%I', c.name), ', ') from unnest($4) as c (name)))
                    else 'correct what it names'
                end;
    end;
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
end
$$;
comment on function walhook.mapping_faults(text, text, jsonb, text[], text, text) is 'What keeps a mapping from working with the table as it is now: key, problem and fix, a row each.';
revoke all on function walhook.mapping_faults(text, text, jsonb, text[], text, text) from public;
