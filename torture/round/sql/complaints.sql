select 'alert ' || kind || ': ' || message from walhook.alert
union all
select 'endpoint ' || name || ' is ' || state from walhook.endpoint where state <> 'active'
union all
select 'the queue holds ' || delivery_id || ' as ' || state from walhook.pending
union all
select 'a body is left of ' || event_id from walhook.body
