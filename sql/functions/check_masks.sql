create or replace function walhook.check_masks(given jsonb, of_application text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    example constant text := 'redact_fields = ''{"store.Customer": {"email": "***"}}''';
    masks            record;
    mask             record;
begin
    if jsonb_typeof(given) <> 'object' then
        perform walhook.refuse('redact_fields', format('expected an object, found %s', walhook.json_kind(given)), example);
    end if;
    for masks in select key as label, value as fields from jsonb_each(given) loop
        perform walhook.check_label('redact_fields', masks.label, of_application);
        if jsonb_typeof(masks.fields) <> 'object' then
            perform walhook.refuse(format('redact_fields.%s', masks.label),
                format('expected an object, found %s', walhook.json_kind(masks.fields)), example);
        end if;
        for mask in select key as field, value from jsonb_each(masks.fields) loop
            perform walhook.check_field('redact_fields', mask.field);
            if jsonb_typeof(mask.value) <> 'string' then
                perform walhook.refuse(format('redact_fields.%s.%s', masks.label, mask.field),
                    format('expected a string, found %s', walhook.json_kind(mask.value)), example);
            end if;
        end loop;
    end loop;
end
$$;
comment on function walhook.check_masks(jsonb, text) is 'Refuses redactions that cannot be meant by the application; null passes.';
revoke all on function walhook.check_masks(jsonb, text) from public;
