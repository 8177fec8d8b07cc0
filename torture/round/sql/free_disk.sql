drop trigger if exists no_space on walhook.attempt;
drop trigger if exists no_space on walhook.pending
