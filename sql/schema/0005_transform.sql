-- Why:   a delivery whose template has not succeeded yet waits with the template's input.
-- Locks: walhook.pending exclusively for a moment; nothing is rewritten.
-- By hand: psql -1 -f this file.

alter table walhook.pending
    add column awaits_template boolean not null default false;
comment on column walhook.pending.awaits_template is 'The body is what the endpoint''s transform is to be given: it has not succeeded yet.';
