-- What walhook_viewer and walhook_admin see and change of the tables under row-level security.
-- A policy that says true leaves no trace in a plan. Made only where missing: making one takes
-- its table exclusively.
do $$
declare
    wanted record;
begin
    for wanted in
        select *
        from   (
                   select table_name || '_all' as policy_name,
                          table_name,
                          'for select to walhook_viewer, walhook_admin using (true)' as clauses
                   from   unnest(array[
                              'application', 'endpoint', 'model', 'event_type', 'attempt', 'failed_attempt',
                              'pending', 'body', 'alert', 'operation'
                          ]) as table_name
                   union all
                   values ('application_managed', 'application', 'for all to walhook_admin using (true)'),
                          ('model_managed',       'model',       'for all to walhook_admin using (true)'),
                          ('event_type_managed',  'event_type',  'for all to walhook_admin using (true)'),
                          ('alert_acknowledged',  'alert',       'for update to walhook_admin using (true)'),
                          ('endpoint_added',      'endpoint',    'for insert to walhook_admin with check (true)'),
                          -- A removed endpoint's row stays as it is, for the log.
                          ('endpoint_changed',    'endpoint',    'for update to walhook_admin using (removed_at is null)'),
                          ('endpoint_deleted',    'endpoint',    'for delete to walhook_admin using (removed_at is null)')
               ) as p
        where  not exists (
                   select
                   from   pg_policies as known
                   where  known.schemaname = 'walhook'
                   and    known.tablename = p.table_name
                   and    known.policyname = p.policy_name)
    loop
        execute format('create policy %I on walhook.%I %s', wanted.policy_name, wanted.table_name, wanted.clauses);
        execute format('comment on policy %I on walhook.%I is %L', wanted.policy_name, wanted.table_name,
            case when wanted.clauses like 'for select %' then 'walhook_viewer and walhook_admin read all of it.'
                 else 'walhook_admin changes all of it, as far as columns are granted.' end);
    end loop;
end
$$;
