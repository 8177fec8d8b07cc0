begin;
set local lock_timeout = '5s';
lock walhook.attempt, walhook.pending in access exclusive mode;
select pg_sleep(%SECONDS%);
commit
