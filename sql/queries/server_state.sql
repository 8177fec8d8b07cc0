-- server_state: who and where we are, and what the server is set to.
select current_setting('server_version_num')::int4                    as version,
       current_setting('server_version')                              as version_text,
       current_database()::text                                       as database,
       current_user::text                                             as role,
       pg_is_in_recovery()                                            as is_standby,
       current_setting('wal_level')                                   as wal_level,
       (select system_identifier::text from pg_control_system())      as system_identifier,
       -- pg_control_checkpoint() would tell the timeline of the last checkpoint, which may be older.
       case
           when pg_is_in_recovery() then 0
           else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int4
       end                                                            as timeline,
       to_regnamespace('walhook') is not null                         as has_schema,
       to_regclass('walhook.migration') is not null                   as has_migrations,
       (
           select count(*)
           from   pg_roles
           where  rolname in ('walhook_admin', 'walhook_viewer')
       )                                                              as roles
