create or replace function walhook.refuse_again(problem text, allowed text, fix text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if allowed = '' then
        raise exception '%', problem using errcode = 'invalid_parameter_value', hint = fix;
    end if;
    raise exception '%', problem using errcode = 'invalid_parameter_value', detail = allowed, hint = fix;
end
$$;
comment on function walhook.refuse_again(text, text, text) is 'Raises what refuse or refuse_value raised, without the long way from there.';
revoke all on function walhook.refuse_again(text, text, text) from public;
