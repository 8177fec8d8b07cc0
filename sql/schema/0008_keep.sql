-- Why:   a daemon that takes the slot says who it is: when the answer is lost and it takes the slot
--        again, it knows that nobody else had it in between. How much waits is known without
--        reading the queue. Endpoints say since when they hold their events, which are not kept
--        for ever.
-- Locks: walhook.owner, walhook.pending and walhook.endpoint exclusively while the queue is counted.
-- By hand: psql -1 -f this file. Daemons of a former version are to be restarted.

alter table walhook.owner
    add column holder      uuid,
    add column since_epoch bigint;
comment on column walhook.owner.holder is 'Which run of a daemon has it.';
comment on column walhook.owner.since_epoch is 'Its first epoch since anybody else had it.';

drop function if exists walhook.take_slot(text, text, integer);

lock table walhook.pending in share row exclusive mode;
create table walhook.queue_count (
    id          bigint generated always as identity,
    endpoint_id uuid   not null,
    change      bigint not null,

    constraint queue_count_pkey primary key (id)
) with (
    -- Rows die as soon as they are added up.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0
);
comment on table walhook.queue_count is 'How many deliveries wait for each endpoint: the sum of its rows. Whatever changes walhook.pending adds its part in the same transaction; the daemon adds them up.';
comment on column walhook.queue_count.id is 'Identity.';
comment on column walhook.queue_count.endpoint_id is 'The receiver.';
comment on column walhook.queue_count.change is 'Deliveries that came to the queue, less those that left it.';
insert into walhook.queue_count (endpoint_id, change)
select endpoint_id, count(*)
from   walhook.pending
group  by endpoint_id;

alter table walhook.endpoint
    add column held_since timestamptz;
comment on column walhook.endpoint.held_since is 'Since when it is paused or disabled; null while it is active.';
update walhook.endpoint
set    held_since = updated_at
where  state <> 'active';
