create or replace function walhook.count_queue()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into walhook.queue_count (endpoint_id, change)
    select endpoint_id, case tg_op when 'INSERT' then count(*) else - count(*) end
    from   changed
    group  by endpoint_id;
    return null;
end
$$;
comment on function walhook.count_queue() is 'Keeps walhook.queue_count: for each statement, what it adds to the queue or takes from it.';
revoke all on function walhook.count_queue() from public;

create or replace trigger pending_counted_in
    after insert on walhook.pending
    referencing new table as changed
    for each statement execute function walhook.count_queue();
create or replace trigger pending_counted_out
    after delete on walhook.pending
    referencing old table as changed
    for each statement execute function walhook.count_queue();
