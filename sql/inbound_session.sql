-- The session that claims inbound events hears of retry_inbound and on_inbound.
listen walhook_inbound;
