-- captured_tables: the tables $1.$2 and all tables of the schemas $3 as they stand, and whether
-- publication $4 has them. A table that does not exist has no oid.
with wanted as (
    select w.schema,
           w.name
    from   unnest($1::text[], $2::text[]) as w (schema, name)
    union
    select n.nspname::text,
           c.relname::text
    from   pg_namespace as n
    join   pg_class     as c on c.relnamespace = n.oid
    where  n.nspname = any ($3)
    and    c.relkind in ('r', 'p')
    and    c.relpersistence = 'p'
    -- Changes in partitions belong to the root table.
    and    not c.relispartition
)
select w.schema,
       w.name,
       format('%I.%I', w.schema, w.name)                    as quoted,
       c.oid,
       c.relkind::text                                      as kind,
       c.relpersistence::text                               as persistence,
       coalesce(
           p.puballtables
           or exists (select from pg_publication_rel as r where r.prpubid = p.oid and r.prrelid = c.oid)
           or exists (select from pg_publication_namespace as s where s.pnpubid = p.oid and s.pnnspid = c.relnamespace),
           false)                                           as is_published,
       (
           select format('%I.%I', an.nspname, a.relname)
           from   pg_partition_ancestors(c.oid) as up (relid)
           join   pg_publication_rel            as r  on r.prrelid = up.relid and r.prpubid = p.oid
           join   pg_class                      as a  on a.oid = up.relid
           join   pg_namespace                  as an on an.oid = a.relnamespace
           where  up.relid <> c.oid
           limit  1
       )                                                    as published_ancestor,
       tree.not_full,
       tree.without_identity
from   wanted as w
left   join pg_namespace   as n on n.nspname = w.schema
left   join pg_class       as c on c.relnamespace = n.oid and c.relname = w.name
left   join pg_publication as p on p.pubname = $4
cross  join lateral (
           select coalesce(array_agg(m.quoted order by m.quoted) filter (where m.identity <> 'f' and m.may_be_full), '{}') as not_full,
                  coalesce(array_agg(m.quoted order by m.quoted) filter (where m.is_leaf and not m.has_identity), '{}') as without_identity
           from   (
                      select format('%I.%I', mn.nspname, mc.relname) as quoted,
                             mc.relreplident                         as identity,
                             mc.relkind <> 'p'                       as is_leaf,
                             -- As walhook.may_be_full says, which is not there yet.
                             current_setting('server_version_num')::integer < 180000
                             or not exists (
                                 select
                                 from   pg_attribute as a
                                 where  a.attrelid = mc.oid and a.attgenerated <> '' and not a.attisdropped
                             )                                       as may_be_full,
                             case mc.relreplident
                                 when 'f' then true
                                 when 'n' then false
                                 when 'd' then exists (
                                     select from pg_index as i where i.indrelid = mc.oid and i.indisprimary)
                                 else exists (
                                     select from pg_index as i where i.indrelid = mc.oid and i.indisreplident)
                             end                                     as has_identity
                      from   (
                                 select c.oid
                                 union
                                 select t.relid from pg_partition_tree(c.oid) as t
                             ) as member (oid)
                      join   pg_class     as mc on mc.oid = member.oid
                      join   pg_namespace as mn on mn.oid = mc.relnamespace
                  ) as m
       ) as tree
order  by w.schema, w.name
