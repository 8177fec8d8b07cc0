-- good_columns: columns of relation $1 when it was last in order with the configuration.
select attnum, name
from   walhook.captured_column
where  relation = $1
order  by attnum
