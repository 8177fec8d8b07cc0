-- What is written from now on: today's partitions, their neighbours, and the queue.
do $$
declare
    what regclass;
begin
    for what in
        select c.oid
        from   pg_class as c
        where  c.relnamespace = 'walhook'::regnamespace
        and    (c.relname ~ '^(attempt|pending|body)') and c.relkind in ('r', 'i')
    loop
        execute format('alter %s %s set tablespace small',
                       (select case relkind when 'i' then 'index' else 'table' end from pg_class where oid = what),
                       what);
    end loop;
end
$$
