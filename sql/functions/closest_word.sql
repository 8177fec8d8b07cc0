create or replace function walhook.closest_word(given text, words text[])
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    -- One letter wrong, missing or too many, or two exchanged: what is left without one letter of
    -- each is the same.
    with spelling as (
        select word, place, lower(given) as told
        from   unnest(words) with ordinality as w (word, place)
    )
    select word
    from   spelling
    where  lower(word) = told
    or     exists (
               select
               from   generate_series(1, length(told) + 1)  as i,
                      generate_series(1, length(word) + 1)  as j
               where  overlay(told placing '' from i for 1) in (lower(word), overlay(lower(word) placing '' from j for 1))
               or     told = overlay(lower(word) placing '' from j for 1))
    order  by place
    limit  1
$$;
comment on function walhook.closest_word(text, text[]) is 'Which of the words was probably meant; null if none is like the given one.';
revoke all on function walhook.closest_word(text, text[]) from public;
