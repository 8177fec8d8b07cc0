-- server_settings: what the server leaves to a daemon like us. A setting that it does not have is null.
select current_setting('max_replication_slots')::int4                           as slots,
       (select count(*) from pg_replication_slots)                              as slots_used,
       current_setting('max_wal_senders')::int4                                 as senders,
       (select count(*) from pg_stat_replication)                               as senders_used,
       r.rolsuper
       or r.rolreplication
       or exists (
           -- Amazon RDS gives the right by membership.
           select
           from   pg_roles as rds
           where  rds.rolname = 'rds_replication'
           and    pg_has_role(rds.oid, 'member')
       )                                                                        as may_replicate,
       has_database_privilege(current_database(), 'create')                     as may_create,
       current_setting('max_slot_wal_keep_size')                                as slot_wal_keep_size,
       nullif(current_setting('idle_replication_slot_timeout', true), '0')      as idle_slot_timeout,
       current_setting('output_plugin_libraries', true)                         as output_plugins,
       -- walhook's own sessions override it, so the session's value says nothing.
       exists (
           select
           from   pg_settings as s
           where  s.name = 'synchronous_commit'
           and    s.reset_val = 'off'
       ) or exists (
           select
           from   pg_db_role_setting as s
           where  'synchronous_commit=off' = any (s.setconfig)
           and    s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
       )                                                                        as has_lazy_commits,
       current_setting('wal_writer_delay')                                      as wal_writer_delay
from   pg_roles as r
where  r.rolname = current_user
