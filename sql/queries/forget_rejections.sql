-- forget_rejections: removes those of more than $1 microseconds ago.
delete from walhook.inbound_rejection
where  at < now() - $1::int8 * interval '1 microsecond'
