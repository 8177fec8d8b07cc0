create or replace function walhook.check_model(given walhook.model, former_label text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    prefix text := walhook.event_prefix(given.label, given.event_prefix);
    taken  text;
    member record;
begin
    perform walhook.check_relation(given.relation);
    if given.label is null
    or given.label !~ '^[A-Za-z0-9_-]{1,63}[.][A-Za-z0-9_-]{1,63}$'
       -- What watch calls a table that nobody named.
       and not exists (
               select
               from   pg_class     as c
               join   pg_namespace as n on n.oid = c.relnamespace
               where  c.oid = given.relation
               and    given.label = format('%s.%s', n.nspname, c.relname))
    then
        perform walhook.refuse_value('label', 'not a model''s label', 'label = ''store.Order''', quote_literal(given.label),
            'app.Name, each 1 to 63 of A-Z, a-z, 0-9, _ and -');
    end if;
    select m.label
    into   taken
    from   walhook.model as m
    where  m.relation = given.relation
    and    m.label is distinct from former_label;
    if found then
        perform walhook.refuse('relation', format('the table already has the model %s', quote_literal(taken)), 'Keep one of the two models.');
    elsif given.label is distinct from former_label and exists (select from walhook.model as m where m.label = given.label) then
        perform walhook.refuse('label', format('another table is called %s', given.label), 'Choose another label, or unwatch that table.');
    end if;
    perform walhook.check_operations('events', given.events);
    if given.event_prefix <> ''
    and (length(given.event_prefix) > 100 or given.event_prefix !~ '^[[:alnum:]_-]+([.][[:alnum:]_-]+)*$')
    -- What watch gives a table that nobody named.
    and given.event_prefix <> (select c.relname from pg_class as c where c.oid = given.relation) then
        perform walhook.refuse_value('event_prefix', 'not the beginning of an event type', 'event_prefix = ''order''', quote_literal(given.event_prefix),
            'letters, digits, _ and -, with single dots between');
    end if;
    select t.name
    into   taken
    from   walhook.event_type as t
    where  t.name in (prefix || '.created', prefix || '.updated', prefix || '.deleted', prefix || '.truncated')
    limit  1;
    if found then
        perform walhook.refuse('event_prefix', format('there is an event type %s already', taken), 'Give the model another event_prefix.');
    end if;
    if jsonb_typeof(given.user_columns) is distinct from 'object' then
        perform walhook.refuse('user_columns', format('expected an object, found %s', walhook.json_kind(given.user_columns)), 'user_columns = ''{"id": "updated_by"}''');
    end if;
    for member in select key as name, value from jsonb_each(given.user_columns) loop
        if jsonb_typeof(member.value) <> 'string' or member.name = '' then
            perform walhook.refuse('user_columns', 'not a column''s name', 'Map each member to a column: user_columns = ''{"id": "updated_by"}''.');
        end if;
        perform walhook.check_column(format('user_columns.%s', member.name), member.value #>> '{}', given.relation);
    end loop;
    if given.application <> '' then
        perform walhook.check_column('application', given.application, given.relation);
    end if;
    if btrim(given.condition) <> '' then
        perform walhook.check_condition('condition', given.condition, given.relation, given.label);
    end if;
end
$$;
comment on function walhook.check_model(walhook.model, text) is 'Refuses a model that cannot be meant; its former label is null for a new one.';
revoke all on function walhook.check_model(walhook.model, text) from public;
