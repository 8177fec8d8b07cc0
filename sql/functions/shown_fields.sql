create or replace function walhook.shown_fields(model walhook.model, receiver walhook.endpoint)
returns table (field text, place smallint, type_id oid, mask text)
language sql
stable
rows 10
set search_path = pg_catalog, pg_temp
as $$
    with recursive under as (
        select a.attname::text as name, a.attnum as place, a.atttypid as type_id, a.atttypid as base_id
        from   pg_attribute as a
        where  a.attrelid = model.relation
        and    a.attnum > 0
        and    not a.attisdropped
        union all
        select u.name, u.place, u.type_id, t.typbasetype
        from   under   as u
        join   pg_type as t on t.oid = u.base_id and t.typtype = 'd'
    ), field as (
        select u.name, u.place, u.type_id, bool_or(u.base_id in ('json'::regtype, 'jsonb'::regtype)) as is_json
        from   under as u
        group  by u.name, u.place, u.type_id
    ), list as (
        select given.purpose, l.key = model.label as is_own, l.value as names
        from   (values ('include', receiver.include_fields), ('exclude', receiver.exclude_fields)) as given (purpose, lists)
        cross  join jsonb_each(case jsonb_typeof(given.lists) when 'array' then jsonb_build_object('*', given.lists) else given.lists end) as l
        where  walhook.glob_matches(l.key, model.label)
    ), said as (
        select l.purpose, n.name, null as mask
        from   list as l
        cross  join jsonb_array_elements_text(l.names) as n (name)
        union all
        select 'redact', m.key, m.value
        from   jsonb_each(receiver.redact_fields) as l
        cross  join jsonb_each_text(l.value)      as m
        where  walhook.glob_matches(l.key, model.label)
    ), found as (
        -- A column if one is called exactly so, else a dotted path into one.
        select s.purpose, s.mask, f.name, f.name <> s.name as is_path, f.is_json
        from   said as s
        cross  join lateral (
                   select f.name, f.is_json
                   from   field as f
                   where  f.name = s.name or starts_with(s.name, f.name || '.')
                   order  by length(f.name) desc
                   limit  1
               ) as f
    )
    select f.name, f.place, f.type_id,
           (select d.mask from found as d where d.name = f.name and d.purpose = 'redact' and not d.is_path limit 1)
    from   field as f
    where  (not exists (select from list as l where l.purpose = 'include' and (l.is_own or l.names <> '[]'))
            or exists (select from found as d where d.name = f.name and d.purpose = 'include' and (d.is_json or not d.is_path)))
    -- A path into a column without JSON cannot be followed: that column is hidden whole.
    and    not exists (
               select
               from   found as d
               where  d.name = f.name
               and    (d.purpose = 'exclude' and not d.is_path
                       or d.purpose <> 'include' and d.is_path and not d.is_json))
    order  by f.place
$$;
comment on function walhook.shown_fields(walhook.model, walhook.endpoint) is 'Columns of a model''s table that a receiver, the endpoint, gets, with the text that stands in place of what is redacted. A null receiver gets all.';
revoke all on function walhook.shown_fields(walhook.model, walhook.endpoint) from public;
