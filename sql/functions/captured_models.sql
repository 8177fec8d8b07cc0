create or replace function walhook.captured_models()
returns setof walhook.model
language sql
stable
rows 20
-- Which tables are published besides those with a model is not for everybody to look up.
security definer
set search_path = pg_catalog, pg_temp
as $$
    with known as (
        select m as model
        from   walhook.model as m
        union all
        -- What is published without a model goes by the table's own name.
        select jsonb_populate_record(null::walhook.model, jsonb_build_object(
                   'label',        format('%s.%s', t.schemaname, t.tablename),
                   'relation',     c.oid::regclass,
                   'events',       '["created", "updated", "deleted"]'::jsonb,
                   'enabled',      true,
                   'event_prefix', t.tablename,
                   'user_columns', '{}'::jsonb,
                   'managed_by',   'config',
                   'active_from',  '0/0'))
        from   (select distinct i.publication from walhook.installation as i) as i
        join   pg_publication_tables as t on t.pubname = i.publication
        join   pg_namespace          as n on n.nspname = t.schemaname
        join   pg_class              as c on c.relnamespace = n.oid and c.relname = t.tablename
        where  not exists (select from walhook.model as m where m.relation = c.oid)
        and    n.nspname <> 'walhook'
    )
    select (k.model).*
    from   known as k
    where  walhook.is_admin()
    or     coalesce(pg_has_role(walhook.caller(), to_regrole('walhook_viewer')::oid, 'usage'), false)
    or     exists (
               select
               from   walhook.application as a
               where  pg_has_role(walhook.caller(), to_regrole(quote_ident(a.admin_role))::oid, 'usage')
               and    walhook.fits_glob((k.model).label, a.models))
$$;
comment on function walhook.captured_models() is 'The models that the caller may know, and what stands for one where a table is published without.';
revoke all on function walhook.captured_models() from public;
