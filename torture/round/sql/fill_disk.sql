begin;
set local lock_timeout = '5s';
create trigger no_space before insert on walhook.attempt for each row execute function torture.no_space();
create trigger no_space before insert on walhook.pending for each row execute function torture.no_space();
commit
