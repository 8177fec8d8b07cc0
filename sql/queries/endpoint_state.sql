-- endpoint_state: what the lane knows of its endpoint, in the transaction of the outcomes it rests on.
update walhook.endpoint
set    state = case when state = 'paused' then state else $2 end,
       disabled_reason = case when state = 'paused' then disabled_reason else $3 end,
       consecutive_failures = $4,
       failing_since = $5,
       updated_at = now()
where  id = $1
