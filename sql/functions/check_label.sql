create or replace function walhook.check_label(subject text, label text, of_application text)
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if label <> '*' and (label !~ '^[^*[:space:]](.*[^*[:space:]])?$' or label !~ '[.]' or label ~ '[*]' or octet_length(label) > 255) then
        perform walhook.refuse_value(subject, 'not a model''s label', 'Write store.Customer, or * for every model.',
            quote_literal(label), 'one label, or *');
    end if;
    -- A mask under a misspelt label would mask nothing. Labels that the application cannot
    -- receive are as unknown to it as those that nothing has.
    if label !~ '[*]'
    and not exists (
            select
            from   walhook.model       as m
            join   walhook.application as a on a.name = of_application
            where  m.label = check_label.label
            and    (walhook.is_admin() or walhook.fits_glob(m.label, a.models)))
    and not exists (
            select
            from   pg_class     as c
            join   pg_namespace as n on n.oid = c.relnamespace
            where  c.relkind in ('r', 'p')
            and    format('%s.%s', n.nspname, c.relname) = label)
    then
        raise notice '%: no captured table has the label %', subject, label
            using hint = 'Watch the table, or correct the label; select label from walhook.model shows them.';
    end if;
end
$$;
comment on function walhook.check_label(text, text, text) is 'Refuses what is no model''s label, and gives notice of one that no table has as far as the application may know.';
revoke all on function walhook.check_label(text, text, text) from public;
