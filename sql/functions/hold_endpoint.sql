create or replace function walhook.hold_endpoint()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    new.held_since := case
                          when new.state = 'active'                        then null
                          when tg_op = 'UPDATE' and old.state <> 'active'  then old.held_since
                          else now()
                      end;
    return new;
end
$$;
comment on function walhook.hold_endpoint() is 'Notes since when an endpoint is out of service.';
revoke all on function walhook.hold_endpoint() from public;

create or replace trigger endpoint_held
    before insert or update of state on walhook.endpoint
    for each row execute function walhook.hold_endpoint();
