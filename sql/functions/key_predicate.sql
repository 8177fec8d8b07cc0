create or replace function walhook.key_predicate(relation regclass, key jsonb)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    example   text;
    given     record;
    type_name text;
    plain     text;
    predicate text;
begin
    select format('{%s}', string_agg(format('%s: …', to_json(a.attname)), ', ' order by a.attnum))
    into   example
    from   pg_index     as i
    join   pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1])
    where  i.indrelid = relation
    and    i.indisprimary;
    example := format('Give the row''s key as in ''%s''.', coalesce(nullif(example, '{}'), '{"id": 42}'));
    if jsonb_typeof(key) is distinct from 'object' or key = '{}' then
        perform walhook.refuse('key', format('expected an object of columns, found %s',
            case key when '{}' then 'an empty one' else walhook.json_kind(key) end), example);
    end if;
    perform walhook.check_column('key', k, relation) from jsonb_object_keys(key) as k;
    select a.attname
    into   given
    from   pg_index     as i
    join   pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1])
    where  i.indrelid = relation
    and    i.indisprimary
    and    not key ? a.attname
    order  by a.attnum
    limit  1;
    if found then
        perform walhook.refuse('key', format('the primary key has the column %I too', given.attname), example);
    end if;
    for given in select k.key as name, k.value as text from jsonb_each_text(key) as k loop
        if given.text is null then
            perform walhook.refuse('key', format('%I is null', given.name), 'Name columns that are not null.');
        end if;
        select format_type(a.atttypid, a.atttypmod)
        into   type_name
        from   pg_attribute as a
        where  a.attrelid = relation
        and    a.attname = given.name
        and    not a.attisdropped;
        begin
            -- As the caller's settings mean it; the predicate may be read under others.
            execute format('select walhook.plain_text(%L::%s)', given.text, type_name) into plain;
        exception
            when data_exception or integrity_constraint_violation then
                perform walhook.refuse('key', format('%I is of type %s, which %L is not', given.name, type_name, left(given.text, 100)), example);
        end;
        predicate := concat_ws(' and ', predicate, format('r.%I = %L::%s', given.name, plain, type_name));
    end loop;
    return predicate;
end
$$;
comment on function walhook.key_predicate(regclass, jsonb) is 'A condition on r that finds the row of the relation with these columns; refuses a key that cannot be one.';
revoke all on function walhook.key_predicate(regclass, jsonb) from public;
