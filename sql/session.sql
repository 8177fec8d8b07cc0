-- Settings of every session of the daemon.
-- An acknowledged LSN must survive a crash, whatever the database's default says.
set synchronous_commit = on;
set search_path = pg_catalog, pg_temp;
set timezone = 'UTC';
set idle_in_transaction_session_timeout = '60s';
-- Every statement reads a page or a few rows; over a long queue the planner thinks otherwise and
-- compiles it, for longer than it runs.
set jit = off;
