-- Sessions that only look.
set default_transaction_read_only = on;
set statement_timeout = '10s';
