create or replace function walhook.call_back(
    kind        text,
    key         text,
    in_schema   text,
    called      text,
    -- Evaluated by the caller: the path that the function would have in a session of its own.
    search_path text default current_setting('search_path')
)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    callback   text := to_regprocedure(format('%I.%I(jsonb)', in_schema, called))::regproc::text;
    their_path text := call_back.search_path;
    told       jsonb;
begin
    if callback is null then
        raise exception 'there is no function %.%(jsonb)', quote_ident(in_schema), quote_ident(called)
            using errcode = 'undefined_function';
    elsif kind = 'failure' then
        told := walhook.take_failure(split_part(key, '/', 1)::uuid, split_part(key, '/', 2)::integer);
    else
        -- Others may be at it, or may have done it.
        update walhook.alert as a
        set    call_at = null
        where  a.id = (
                   select due.id
                   from   walhook.alert as due
                   where  due.id = key::bigint and due.call_at is not null
                   for    update skip locked)
        returning to_jsonb(a) - '{notify_at,notify_tries,notified_at,call_at,call_tries}'::text[] into told;
    end if;
    if told is null then
        return false;
    end if;
    perform set_config('search_path', their_path, true);
    execute format('select %s($1)', callback) using told;
    return true;
end
$$;
comment on function walhook.call_back(text, text, text, text, text) is 'Calls a function of the application with a failure or an alert, and notes that it was called, in one transaction. The daemon calls it; false if there was nothing to tell any more.';
revoke all on function walhook.call_back(text, text, text, text, text) from public;
