-- load_endpoint: makes the endpoint's row follow the configuration; returns how it fares.
insert into walhook.endpoint as e (id, name, application, url, method, signature, signed, managed_by)
values ($1, $2, $3, $4, $5, $6, cardinality($6::text[]) > 0, 'config')
on conflict (id) do update
set    name = excluded.name,
       application = excluded.application,
       url = excluded.url,
       method = excluded.method,
       signature = excluded.signature,
       signed = excluded.signed,
       removed_at = null,
       updated_at = now()
returning state,
          consecutive_failures,
          failing_since,
          fare_version,
          exists (select from walhook.pending as p where p.endpoint_id = e.id and p.state = 'ready') as has_backlog,
          exists (select from walhook.pending as p where p.endpoint_id = e.id and p.state = 'retry') as has_retries
