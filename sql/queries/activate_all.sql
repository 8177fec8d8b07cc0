-- activate_all: what waits for a message in WAL that is missing is active from $1 on.
with endpoints as (
    update walhook.endpoint set active_from = $1 where active_from is null and removed_at is null
), models as (
    update walhook.model set active_from = $1 where active_from is null
)
update walhook.event_type set active_from = $1 where active_from is null
