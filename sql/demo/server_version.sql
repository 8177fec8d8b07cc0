-- server_version
show server_version
