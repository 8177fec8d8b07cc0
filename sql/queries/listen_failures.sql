-- listen_failures: be told of new final failures.
listen walhook_failure
