create or replace function walhook.deliveries_of_row(label text, key jsonb, receiver walhook.endpoint)
returns table (event_type text, status text, reason text, fix text)
language sql
stable
rows 3
set search_path = pg_catalog, pg_temp
as $$
    -- The log knows no keys: its newest are read, along the index, and their bodies looked into.
    with delivery as (
        select l.event_id, l.event_type, l.outcome as status, l.committed_at, l.status_code, l.error_message, l.payload as body
        from   (
                   select a.*
                   from   walhook.attempt as a
                   where  a.endpoint_id = receiver.id
                   order  by a.started_at desc
                   limit  1000
               ) as l
        where  l.outcome in ('success', 'failed', 'cancelled')
        union all
        select p.event_id, p.event_type,
               case
                   when p.is_cancelled then 'cancelled'
                   when p.state = 'held' or receiver.state <> 'active' or receiver.fault is not null then 'held'
                   when p.attempts > 0 then 'retrying'
                   else 'pending'
               end,
               p.committed_at, p.status_code, coalesce(p.cancel_reason, p.hold_reason, p.error_message), b.body
        from   (
                   select n.*
                   from   walhook.pending as n
                   order  by n.committed_at desc
                   limit  1000
               ) as p
        join   walhook.body as b on b.event_id = p.event_id and b.shape = p.shape
        where  p.endpoint_id = receiver.id
    )
    select d.event_type,
           d.status,
           format('%s, %s', d.event_id, concat_ws(', ', date_trunc('second', d.committed_at)::text, 'HTTP ' || d.status_code, d.error_message)),
           case d.status
               when 'failed'   then format('select * from walhook.redeliver(%L, %L)', d.event_id, receiver.name)
               when 'retrying' then format('select * from walhook.redeliver(%L, %L)', d.event_id, receiver.name)
               when 'held'     then format('select * from walhook.resume(%L)', receiver.name)
           end
    from   delivery as d
    cross  join lateral (select walhook.json_or_null(d.body) as payload) as j
    where  j.payload #>> '{model,label}' = label
    and    not exists (
               select
               from   jsonb_each_text(key) as k
               where  j.payload -> 'object' ->> k.key is distinct from k.value)
    order  by d.committed_at desc
    limit  3
$$;
comment on function walhook.deliveries_of_row(text, jsonb, walhook.endpoint) is 'The three newest deliveries to a receiver, the endpoint, of the row of the model with this label that has this key, among the newest thousand and as far as bodies show the key.';
revoke all on function walhook.deliveries_of_row(text, jsonb, walhook.endpoint) from public;
