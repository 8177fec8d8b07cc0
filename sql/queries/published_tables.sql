-- published_tables: every table that publication $1 publishes, with what keeps events from being
-- complete, or updates from being possible.
select n.nspname::text                                      as schema,
       c.relname::text                                      as name,
       format('%I.%I', n.nspname, c.relname)                as quoted,
       n.nspname = 'walhook'                                as is_ours,
       r.prqual is not null                                 as has_row_filter,
       r.prattrs is not null                                as has_column_list,
       (
           select coalesce(array_agg(m.quoted order by m.quoted), '{}')
           from   (
                      select format('%I.%I', mn.nspname, mc.relname) as quoted
                      from   (
                                 select c.oid
                                 union
                                 select t.relid from pg_partition_tree(c.oid) as t
                             ) as member (oid)
                      join   pg_class     as mc on mc.oid = member.oid
                      join   pg_namespace as mn on mn.oid = mc.relnamespace
                      where  mc.relkind <> 'p'
                      and    not case mc.relreplident
                                 when 'f' then true
                                 when 'n' then false
                                 when 'd' then exists (
                                     select from pg_index as i where i.indrelid = mc.oid and i.indisprimary)
                                 else exists (
                                     select from pg_index as i where i.indrelid = mc.oid and i.indisreplident)
                             end
                  ) as m
       )                                                    as without_identity
from   pg_publication                       as p
cross  join pg_get_publication_tables(p.pubname) as t
join   pg_class                             as c on c.oid = t.relid
join   pg_namespace                         as n on n.oid = c.relnamespace
left   join pg_publication_rel              as r on r.prpubid = p.oid and r.prrelid = c.oid
where  p.pubname = $1
order  by n.nspname, c.relname
