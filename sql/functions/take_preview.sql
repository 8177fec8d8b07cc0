create or replace function walhook.take_preview(asked uuid)
returns setof walhook.preview_answer
language sql
volatile
rows 5
security definer
set search_path = pg_catalog, pg_temp
as $$
    -- Anybody can write a question into the WAL; its answer is for who manages the endpoint.
    delete from walhook.preview_answer as p
    using  walhook.endpoint as e
    where  p.asked = take_preview.asked
    and    e.id = p.endpoint_id
    and    walhook.may_manage(e.application)
    returning p.*
$$;
comment on function walhook.take_preview(uuid) is 'What the daemon answered to the question asked by ask_preview; nothing if it has not yet.';
revoke all on function walhook.take_preview(uuid) from public;
