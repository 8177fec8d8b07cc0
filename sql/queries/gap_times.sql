-- gap_times: when the newest checkpoint of slot $1 was written, if there is one, and now.
select to_json((select at from walhook.checkpoint where slot = $1 order by flush desc limit 1)) #>> '{}',
       to_json(now()) #>> '{}'
