-- Making a slot waits for every transaction that is running, however long that takes.
set statement_timeout = 0;
