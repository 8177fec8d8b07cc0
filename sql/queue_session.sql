-- Settings of the sessions that read and write the queue.
-- It is empty one minute and has a million rows the next, and a plan is kept in between: one made
-- for the empty table would read the whole of it for each batch. Every statement has its index.
set enable_seqscan = off;
set enable_hashjoin = off;
set enable_mergejoin = off;
-- An inner side that is kept is one that was read whole.
set enable_material = off;
