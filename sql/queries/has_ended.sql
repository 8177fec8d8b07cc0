-- has_ended: whether transaction $1 is over for everybody. The WAL tells of a commit a moment before others see it.
select not exists (
           select
           from   pg_locks as l
           where  l.locktype = 'transactionid'
           and    l.transactionid = $1
           and    l.granted
       )
