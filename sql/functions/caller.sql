create or replace function walhook.caller()
returns name
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    -- In a security definer function current_user is the function's owner; who asked shows in
    -- the setting that SET ROLE leaves.
    select coalesce(nullif(current_setting('role'), 'none')::name, session_user)
$$;
comment on function walhook.caller() is 'The role on whose behalf a function of this schema runs: what SET ROLE named, else the session''s user.';
revoke all on function walhook.caller() from public;
