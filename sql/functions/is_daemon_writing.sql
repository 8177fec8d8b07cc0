create or replace function walhook.is_daemon_writing()
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- The setting alone is anybody's to set.
    select coalesce(current_setting('walhook.daemon_writes', true), '') = 'on'
    and    pg_has_role(session_user, c.relowner, 'member')
    from   pg_class as c
    where  c.oid = 'walhook.endpoint'::regclass
$$;
comment on function walhook.is_daemon_writing() is 'Whether the daemon is writing down what config.toml says, which nobody else may change.';
revoke all on function walhook.is_daemon_writing() from public;
