create or replace function walhook.glob_matches(pattern text, given text)
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select given like replace(replace(replace(replace(pattern, E'\\', E'\\\\'), '%', E'\\%'), '_', E'\\_'), '*', '%')
$$;
comment on function walhook.glob_matches(text, text) is 'Whether the pattern matches the whole of a given text: * stands for any characters, dots included, everything else for itself.';
revoke all on function walhook.glob_matches(text, text) from public;
