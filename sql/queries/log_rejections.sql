-- log_rejections: requests that were not taken.
insert into walhook.inbound_rejection (source, reason, skew_seconds, header_names, body_bytes, body_sha256)
select g.source, g.reason, g.skew_seconds, string_to_array(g.header_names, ' '), g.body_bytes, g.body_sha256
from   unnest($1::text[], $2::text[], $3::int8[], $4::text[], $5::int8[], $6::text[])
       as g (source, reason, skew_seconds, header_names, body_bytes, body_sha256)
