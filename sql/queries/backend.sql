-- backend: the server's process for this session.
select pg_backend_pid()
