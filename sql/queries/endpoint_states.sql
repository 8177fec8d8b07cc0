-- endpoint_states: state of every endpoint, for lanes to follow.
select id, state
from   walhook.endpoint
where  removed_at is null
