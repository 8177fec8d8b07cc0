create or replace function walhook.refuse(subject text, problem text, fix text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception '%: %', subject, problem
        using errcode = 'invalid_parameter_value',
              hint = fix;
end
$$;
comment on function walhook.refuse(text, text, text) is 'Refuses what was written: names the subject, says what the problem is, and what the fix.';
revoke all on function walhook.refuse(text, text, text) from public;
