-- server_state: who and where we are, and what the server is set to.
select current_setting('server_version_num')::int4                    as version,
       current_setting('server_version')                              as version_text,
       current_database()::text                                       as database,
       quote_ident(current_database())                                as database_quoted,
       current_user::text                                             as role,
       quote_ident(current_user)                                      as role_quoted,
       pg_is_in_recovery()                                            as is_standby,
       current_setting('wal_level')                                   as wal_level,
       (select system_identifier::text from pg_control_system())      as system_identifier,
       case
           when pg_is_in_recovery() then pg_last_wal_replay_lsn()
           else pg_current_wal_lsn()
       end                                                            as wal_position,
       (
           select pg_get_userbyid(n.nspowner)::text
           from   pg_namespace as n
           where  n.nspname = 'walhook'
       )                                                              as schema_owner,
       coalesce((
           select pg_has_role(n.nspowner, 'usage')
           from   pg_namespace as n
           where  n.nspname = 'walhook'
       ), false)                                                      as owns_schema,
       to_regclass('walhook.migration') is not null                   as has_migrations,
       (
           select count(*)
           from   pg_roles
           where  rolname in ('walhook_admin', 'walhook_viewer')
       )                                                              as roles
