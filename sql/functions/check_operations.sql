create or replace function walhook.check_operations(subject text, given text[])
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    operation text;
begin
    if given is null or given = '{}' then
        perform walhook.refuse_value(subject, 'a model without events', 'Name some, or set enabled = false on the model.', null,
            'created, updated, deleted, truncated');
    end if;
    perform walhook.check_list(subject, given, 4);
    foreach operation in array given loop
        perform walhook.check_word(subject, operation, '{created,updated,deleted,truncated}');
    end loop;
end
$$;
comment on function walhook.check_operations(text, text[]) is 'Refuses a list of the subject that does not name what can happen to rows.';
revoke all on function walhook.check_operations(text, text[]) from public;
