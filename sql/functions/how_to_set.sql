create or replace function walhook.how_to_set(target text, subject text, managed_by text, setting text, value text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case managed_by
               when 'config' then format('change %s of the %s %s in config.toml and reload (SIGHUP)', setting, replace(target, '_', ' '), subject)
               else format('update walhook.%s set %s = %s where %s = %L', target, setting, value,
                        case target when 'model' then 'label' else 'name' end, subject)
           end
$$;
comment on function walhook.how_to_set(text, text, text, text, text) is 'What to do so that a setting of the subject, in the table target (endpoint, model, event_type, application), has this value, in SQL or, if it is managed_by config, in the file.';
revoke all on function walhook.how_to_set(text, text, text, text, text) from public;
