-- answer_preview: what would be sent, for walhook.preview to take; forgets what nobody took.
-- $1 uuid: which call asked. $2 uuid: the endpoint. $3 text[]: kinds of change. $4 text[]: event
-- types. $5 text[]: verdicts. $6 bytea[]: bodies. $7 text[]: reasons.
with forgotten as (
    delete from walhook.preview_answer as old
    where  old.answered_at < clock_timestamp() - interval '1 minute'
)
insert into walhook.preview_answer (asked, place, endpoint_id, event, event_type, verdict, payload, reason)
select $1::uuid, 0, $2::uuid, null, null, null, null, null
union all
select $1, event.place, $2, event.kind, event.type, event.verdict, event.payload, event.reason
from   unnest($3::text[], $4::text[], $5::text[], $6::bytea[], $7::text[])
       with ordinality as event (kind, type, verdict, payload, reason, place)
on conflict do nothing
