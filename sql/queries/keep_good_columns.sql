-- keep_good_columns: relation $1 is in order with these columns.
with gone as (
    delete from walhook.captured_column
    where  relation = $1
    and    attnum <> all ($2)
)
insert into walhook.captured_column as c (relation, attnum, name)
select $1, g.attnum, g.name
from   unnest($2::int2[], $3::text[]) as g (attnum, name)
on conflict (relation, attnum) do update
set    name = excluded.name
where  c.name <> excluded.name
