-- Settings of every session of the daemon.
-- An acknowledged LSN must survive a crash, whatever the database's default says.
set synchronous_commit = on;
set search_path = pg_catalog, pg_temp;
set timezone = 'UTC';
-- Limits and habits that a role or database has been given are meant for its applications.
set default_transaction_read_only = off;
set client_min_messages = warning;
set statement_timeout = 0;
set lock_timeout = 0;
set idle_session_timeout = 0;
-- PostgreSQL 17 and newer. Asked for by name: reading pg_settings would take ten times as long as
-- everything else here, and sessions that run handlers come here again after each.
select set_config('transaction_timeout', '0', false)
where  current_setting('transaction_timeout', true) is not null;
-- A daemon that froze in the middle of a batch must not keep another from taking the slot. The
-- batch is kept and written again.
set idle_in_transaction_session_timeout = '10s';
-- Every statement reads a page or a few rows; over a long queue the planner thinks otherwise and
-- compiles it, for longer than it runs.
set jit = off;
