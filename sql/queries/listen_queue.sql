-- listen_queue: be told when somebody asks for something in SQL.
listen walhook
