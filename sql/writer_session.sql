-- Settings of the session that stores inbound events, beyond those of the queue.
-- Its statements look rows up one by one, so one plan does for every batch; to make another for
-- each costs more than carrying out a small one.
set plan_cache_mode = force_generic_plan;
