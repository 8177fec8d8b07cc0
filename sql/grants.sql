-- Everybody may look up names, for set_user and emit; tables and the other functions stay shut.
grant usage on schema walhook to public;

grant select on all tables in schema walhook to walhook_viewer, walhook_admin;

-- The log and the queue are written by their owner alone.
grant update (acknowledged_at) on walhook.alert to walhook_admin;
grant update (state, disabled_reason, consecutive_failures, failing_since, updated_at) on walhook.endpoint to walhook_admin;

-- Handlers run as the daemon's role, so that registering one is for admins.
grant execute on function walhook.on_inbound(text, text, regprocedure) to walhook_admin;
grant execute on function walhook.off_inbound(text, text, text) to walhook_admin;
grant execute on function walhook.retry_inbound(bigint) to walhook_admin;

grant insert, update, delete on walhook.application, walhook.model, walhook.event_type to walhook_admin;
grant execute on function walhook.watch(regclass, text) to walhook_admin;
grant execute on function walhook.unwatch(regclass) to walhook_admin;
revoke all on walhook.endpoint_secret from walhook_viewer, walhook_admin;
