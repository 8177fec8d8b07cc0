-- A call of every function that the role $1 may execute and that takes an endpoint's name, with
-- somebody else's.
with argument as (
    select p.oid, p.proname, a.name, a.place,
           p.proargtypes[row_number() over (partition by p.oid order by a.place) - 1] as type
    from   pg_proc as p
    cross  join unnest(p.proargnames, p.proargmodes) with ordinality as a (name, mode, place)
    where  p.pronamespace = 'walhook'::regnamespace
    and    coalesce(a.mode, 'i') in ('i', 'b')
    -- It makes one: the list of attempts has it.
    and    p.proname <> 'create_endpoint'
    and    has_function_privilege($1, p.oid, 'execute')
)
select format('select * from walhook.%I(%s)', proname, string_agg(
           case
               when name in ('name', 'endpoint', 'endpoint_name', 'called') then '''victim'''
               else format('null::%s', format_type(type, null))
           end, ', ' order by place))
from   argument
group  by oid, proname
having bool_or(name in ('name', 'endpoint', 'endpoint_name', 'called'))
order  by proname
