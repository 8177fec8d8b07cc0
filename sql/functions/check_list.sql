create or replace function walhook.check_list(subject text, given anyarray, most integer)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if cardinality(given) > most then
        perform walhook.refuse_value(subject, format('%s elements', cardinality(given)), 'Leave some out.', null, format('at most %s elements', most));
    elsif array_ndims(given) > 1 then
        perform walhook.refuse(subject, 'a list of lists', 'Write one list, as in ''{a,b}''.');
    elsif array_position(given, null) is not null then
        perform walhook.refuse(subject, 'null is in the list', 'Leave it out.');
    end if;
end
$$;
comment on function walhook.check_list(text, anyarray, integer) is 'Refuses a list of the subject that holds null or lists, or more elements than the most; null passes.';
revoke all on function walhook.check_list(text, anyarray, integer) from public;
