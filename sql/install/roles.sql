-- Roles belong to the cluster: an init of another database may make them at the same moment.
do $$
declare
    role text;
begin
    foreach role in array array['walhook_admin', 'walhook_viewer'] loop
        continue when exists (select from pg_roles where rolname = role);
        begin
            execute format('create role %I nologin', role);
        exception
            when duplicate_object or unique_violation then null;
        end;
    end loop;
end
$$;
