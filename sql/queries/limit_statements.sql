-- limit_statements: how long a statement of the session may take.
select set_config('statement_timeout', $1, false)
