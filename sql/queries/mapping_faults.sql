-- mapping_faults: what keeps a mapping from working, where names are found as handlers find them.
select f.key, f.problem, f.fix
from   walhook.mapping_faults($1, $2, $3::text::jsonb, $4, $5,
           (select s.reset_val from pg_settings as s where s.name = 'search_path')) as f
