create or replace function walhook.check_origins(given text[])
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    source text;
begin
    perform walhook.check_list('exclude_origins', given, 1000);
    foreach source in array coalesce(given, '{}') loop
        if source <> '*' and source !~ '^[a-z0-9_-]{1,64}$' then
            perform walhook.refuse_value('exclude_origins', 'not the name of an inbound source',
                'Write the name in [inbound.sources.NAME], or * for every source.', quote_literal(source),
                '1 to 64 of a-z, 0-9, _ and -, or *');
        end if;
    end loop;
end
$$;
comment on function walhook.check_origins(text[]) is 'Refuses names of inbound sources that none can have; null passes.';
revoke all on function walhook.check_origins(text[]) from public;
