-- endpoint_state: what the lane knows of its endpoint, in the transaction of the outcomes it rests on.
-- A state that an operator set stays.
update walhook.endpoint
set    state = case when $2 then 'disabled' else state end,
       disabled_reason = case when $2 then $3 else disabled_reason end,
       consecutive_failures = $4,
       failing_since = $5,
       fare_version = $6,
       updated_at = now()
where  id = $1
