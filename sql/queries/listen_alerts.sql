-- listen_alerts: be told of new alerts.
listen walhook_alert
