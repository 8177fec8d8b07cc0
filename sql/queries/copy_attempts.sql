-- copy_attempts: the log, in bulk.
copy walhook.attempt (
    delivery_id, attempt, endpoint_id, commit_lsn, ordinal, event_id, event_type, outcome,
    committed_at, started_at, duration_us, status_code, error_class, error_message,
    signature, response_headers, response_body, payload
) from stdin (format binary)
