create or replace function walhook.check_fields(subject text, given jsonb, of_application text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    by_label jsonb := case jsonb_typeof(given) when 'array' then jsonb_build_object('*', given) else given end;
    list     record;
    field    jsonb;
begin
    if given is null then
        return;
    elsif jsonb_typeof(by_label) <> 'object' then
        perform walhook.refuse(subject, format('expected a list or an object, found %s', walhook.json_kind(given)),
            format('%s = ''{"store.Order": ["id", "status"]}''', subject));
    end if;
    for list in select key as label, value as fields from jsonb_each(by_label) loop
        perform walhook.check_label(subject, list.label, of_application);
        if jsonb_typeof(list.fields) <> 'array' then
            perform walhook.refuse(format('%s.%s', subject, list.label),
                format('expected a list, found %s', walhook.json_kind(list.fields)),
                format('%s = ''{"%s": ["id", "status"]}''', subject, list.label));
        elsif jsonb_array_length(list.fields) > 2000 then
            perform walhook.refuse_value(subject, format('%s elements', jsonb_array_length(list.fields)), 'Leave some out.', null,
                'at most 2000 elements');
        end if;
        for field in select f from jsonb_array_elements(list.fields) as f loop
            if jsonb_typeof(field) <> 'string' then
                perform walhook.refuse(format('%s.%s', subject, list.label),
                    format('expected a string, found %s', walhook.json_kind(field)), 'Put each field in double quotes.');
            end if;
            perform walhook.check_field(subject, field #>> '{}');
        end loop;
    end loop;
end
$$;
comment on function walhook.check_fields(text, jsonb, text) is 'Refuses lists of fields of the subject that cannot be meant by the application; null passes.';
revoke all on function walhook.check_fields(text, jsonb, text) from public;
