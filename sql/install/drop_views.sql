-- For views whose columns changed, which create or replace refuses. Together, since one may
-- stand on another; not cascade, since somebody else's may too.
do $$
declare
    views text;
begin
    select string_agg(format('walhook.%I', c.relname), ', ')
    into   views
    from   pg_class as c
    where  c.relnamespace = 'walhook'::regnamespace
    and    c.relkind = 'v';
    if views is not null then
        execute 'drop view ' || views;
    end if;
end
$$;
