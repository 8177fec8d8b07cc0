-- waiting_deliveries: how many deliveries are in the queue.
select count(*) from walhook.pending
