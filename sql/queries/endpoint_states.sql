-- endpoint_states: state of every endpoint, for lanes to follow.
select id, state, fare_version
from   walhook.endpoint
where  removed_at is null
