-- remove_endpoints: endpoints of the file that are not among $1 any more.
update walhook.endpoint
set    removed_at = now(),
       updated_at = now()
where  managed_by = 'config'
and    removed_at is null
and    id <> all ($1)
returning id
