-- keep_mappings: the mappings of the configuration, and no others.
with gone as (
    delete from walhook.inbound_mapping
    where  source <> all ($1::text[])
)
insert into walhook.inbound_mapping as m
       (source, table_schema, table_name, columns, like_patterns, conflict, on_conflict)
select g.source,
       g.table_schema,
       g.table_name,
       g.columns::jsonb,
       array(select jsonb_array_elements_text(g.like_patterns::jsonb)),
       array(select jsonb_array_elements_text(g.conflict::jsonb)),
       g.on_conflict
from   unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
       as g (source, table_schema, table_name, columns, like_patterns, conflict, on_conflict)
on conflict (source) do update
set    table_schema = excluded.table_schema,
       table_name = excluded.table_name,
       columns = excluded.columns,
       like_patterns = excluded.like_patterns,
       conflict = excluded.conflict,
       on_conflict = excluded.on_conflict,
       changed_at = now()
where  (m.table_schema, m.table_name, m.columns, m.like_patterns, m.conflict, m.on_conflict)
       is distinct from
       (excluded.table_schema, excluded.table_name, excluded.columns, excluded.like_patterns,
        excluded.conflict, excluded.on_conflict)
