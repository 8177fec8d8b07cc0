create or replace function walhook.out_of_service(given walhook.endpoint)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select case
               when given.state = 'paused'   then format('the endpoint is paused: select walhook.resume(%L) first', given.name)
               when given.state = 'disabled' then format('the endpoint is disabled (%s): select walhook.resume(%L) first', given.disabled_reason, given.name)
               when not given.enabled        then 'the endpoint has enabled = false'
               when given.fault is not null  then 'the endpoint has a fault: ' || given.fault
           end
$$;
comment on function walhook.out_of_service(walhook.endpoint) is 'Why nothing is sent to an endpoint now; null if something is.';
revoke all on function walhook.out_of_service(walhook.endpoint) from public;
