create or replace function walhook.refuse_value(subject text, problem text, fix text, given text, allowed text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception '%: %', subject, problem
        using errcode = 'invalid_parameter_value',
              detail = concat_ws(' ',
                  case when given is not null then format('Given: %s.', left(given, 100)) end,
                  format('Allowed: %s.', allowed)),
              hint = fix;
end
$$;
comment on function walhook.refuse_value(text, text, text, text, text) is 'As refuse, and says what was given (null where that may be a secret) and what is allowed.';
revoke all on function walhook.refuse_value(text, text, text, text, text) from public;
