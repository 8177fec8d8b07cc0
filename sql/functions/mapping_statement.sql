create or replace function walhook.mapping_statement(
    table_schema text,
    table_name   text,
    columns      jsonb,
    conflict     text[],
    on_conflict  text
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    relation text := format('%I.%I', table_schema, table_name);
    names    text;
    vals     text;
    settings text;
    missing  text;
begin
    if to_regclass(relation) is null then
        raise exception 'the table % does not exist', relation using errcode = 'undefined_table';
    end if;
    with wanted as (
        select c.n,
               c.def ->> 'column' as name,
               c.def,
               format_type(a.atttypid, a.atttypmod) as type,
               -- Without its length: an assignment minds it, where a cast would cut.
               format_type(a.atttypid, -1) as wide_type,
               a.attnum is null as is_missing
        from   jsonb_array_elements(mapping_statement.columns) with ordinality as c (def, n)
        left   join pg_attribute as a
               on  a.attrelid = to_regclass(relation)
               and a.attname = c.def ->> 'column'
               and a.attnum > 0
               and not a.attisdropped
    )
    select string_agg(format('%I', w.name), ', ' order by w.n),
           string_agg(
               case
                   when w.def ? 'sql' then format(E'(%s\n)', w.def ->> 'sql')
                   when w.def ? 'value' then format('%L::%s', w.def ->> 'value', w.wide_type)
                   when w.def ? 'unix' then format('to_timestamp((payload #>> %L)::float8 / %s)',
                       array(select jsonb_array_elements_text(w.def -> 'path')),
                       case w.def ->> 'unix' when 'ms' then '1000' else '1' end)
                   -- As the members of a document become the columns of a record: numbers, texts
                   -- and lists by their texts, objects whole where the column holds JSON.
                   else format('(select v from jsonb_to_record(jsonb_build_object(''v'', payload #> %L)) as f (v %s))',
                       array(select jsonb_array_elements_text(w.def -> 'path')), w.type)
               end,
               E',\n       ' order by w.n),
           string_agg(format('%1$I = excluded.%1$I', w.name), ', ' order by w.n)
               filter (where w.name <> all (mapping_statement.conflict)),
           min(w.name) filter (where w.is_missing)
    into   names, vals, settings, missing
    from   wanted as w;
    if missing is not null then
        raise exception 'the table % has no column %', relation, quote_ident(missing) using errcode = 'undefined_column';
    end if;
    return format(E'insert into %s (%s)\nselect %s\nfrom   (select ($1).payload) as event\n', relation, names, vals)
        || case
               when conflict = '{}' then ''
               else (select format('on conflict (%s) ', string_agg(format('%I', c.name), ', ' order by c.n))
                     from   unnest(mapping_statement.conflict) with ordinality as c (name, n))
                    || case
                           when on_conflict = 'update' and settings is not null then 'do update set ' || settings
                           else 'do nothing'
                       end
           end;
end
$$;
comment on function walhook.mapping_statement(text, text, jsonb, text[], text) is 'The insert that a mapping comes to, over $1 of type walhook.inbound_event.';
revoke all on function walhook.mapping_statement(text, text, jsonb, text[], text) from public;
