-- Between two handlers: whatever the former left in the session goes. As `discard all`, but in one
-- message, and without forgetting how statements are run.
set session authorization default;
reset role;
reset all;
close all;
unlisten *;
select pg_advisory_unlock_all();
discard temp;
discard sequences;
deallocate all;
