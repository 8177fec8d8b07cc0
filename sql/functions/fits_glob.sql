create or replace function walhook.fits_glob(given text, globs text[])
returns boolean
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(bool_or(walhook.glob_matches(glob, given)), false)
    from   unnest(globs) as glob
$$;
comment on function walhook.fits_glob(text, text[]) is 'Whether a given text is one of the globs: * stands for any characters, everything else for itself.';
revoke all on function walhook.fits_glob(text, text[]) from public;
