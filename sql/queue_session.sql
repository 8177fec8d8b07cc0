-- Settings of the sessions that read and write the queue, and that store inbound events.
-- The queue is empty one minute and has a million rows the next, and a plan is kept in between: one
-- made for the empty table would read the whole of it for each batch. Every statement has its index.
set enable_seqscan = off;
set enable_hashjoin = off;
set enable_mergejoin = off;
-- One plan does for every batch, then; for small batches, making another each time costs more than
-- carrying it out.
set plan_cache_mode = force_generic_plan;
