-- put_off_call: the call with $1 $2 raised an error: again in $3 microseconds, or never if that is null.
with failures as (
    update walhook.failure as f
    set    tries = f.tries + 1,
           call_at = coalesce(now() + $3::int8 * interval '1 microsecond', 'infinity')
    where  $1 = 'failure'
    and    f.delivery_id || '/' || f.attempt = $2
    and    f.delivery_id = case when $1 = 'failure' then split_part($2, '/', 1)::uuid end
)
update walhook.alert as a
set    call_tries = a.call_tries + 1,
       call_at = now() + $3::int8 * interval '1 microsecond'
where  $1 = 'alert'
and    a.id = case when $1 = 'alert' then $2::bigint end
