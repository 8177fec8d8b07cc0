-- Settings of the sessions that run handlers, beyond those of every session.
-- Handlers find names as in any other session of this role with this database.
reset search_path;
-- What they say may quote what they were given.
set client_min_messages = error;
