create or replace function walhook.duration_of(given text)
returns interval
language sql
immutable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
    select part[1]::numeric::double precision * case part[2]
               when 'ms' then interval '1 millisecond'
               when 's'  then interval '1 second'
               when 'm'  then interval '1 minute'
               when 'h'  then interval '1 hour'
               when 'd'  then interval '1 day'
           end
    -- More digits than this are out of every range.
    from   regexp_match(given, '^([0-9]{1,12})\s*(ms|s|m|h|d)$') as part
$$;
comment on function walhook.duration_of(text) is 'A duration as config.toml writes it; null if it is none.';
revoke all on function walhook.duration_of(text) from public;
