-- store_tokens: values for one use ($2 of the sources $1) and the events ($3) that they came with first.
insert into walhook.inbound_token (source, token, event_id)
select g.source, g.token, g.event_id
from   unnest($1::text[], $2::text[], $3::text[]) with ordinality as g (source, token, event_id, n)
order  by g.source collate "C", g.token collate "C", g.n
on conflict (source, token) do nothing
