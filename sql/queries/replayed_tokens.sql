-- replayed_tokens: places (from 1) of those that had come with another event.
select g.n
from   unnest($1::text[], $2::text[], $3::text[]) with ordinality as g (source, token, event_id, n)
join   walhook.inbound_token as t
       on  t.source = g.source collate "C"
       and t.token = g.token collate "C"
where  t.event_id <> g.event_id collate "C"
