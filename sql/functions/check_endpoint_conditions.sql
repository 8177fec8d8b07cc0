create or replace function walhook.check_endpoint_conditions(given walhook.endpoint)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    model record;
begin
    if coalesce(btrim(given.condition), '') = '' then
        return;
    end if;
    perform walhook.check_condition_words('condition', given.condition);
    for model in
        select m.label, m.relation
        from   walhook.model       as m
        join   walhook.application as a on a.name = given.application
        join   pg_class            as c on c.oid = m.relation
        where  walhook.fits_glob(m.label, a.models)
        and    (coalesce(given.include_models, '{}') = '{}' or walhook.fits_glob(m.label, given.include_models))
        and    not walhook.fits_glob(m.label, given.exclude_models)
        order  by m.label
    loop
        perform walhook.check_condition('condition', given.condition, model.relation, model.label);
    end loop;
end
$$;
comment on function walhook.check_endpoint_conditions(walhook.endpoint) is 'Refuses an endpoint whose condition does not fit every model that it selects.';
revoke all on function walhook.check_endpoint_conditions(walhook.endpoint) from public;
