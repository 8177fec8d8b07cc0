-- Why:   alerts are posted to [alerts] url, each at least once; the rows keep the books of it.
-- Locks: walhook.alert exclusively for a moment; nothing is rewritten.
-- By hand: psql -1 -f this file.

alter table walhook.alert
    add column notify_at    timestamptz,
    add column notify_tries integer     not null default 0,
    add column notified_at  timestamptz;
-- Only now, so that what was raised before stays untold.
alter table walhook.alert
    alter column notify_at set default now();
create index alert_notify_idx on walhook.alert (id) where notify_at is not null;
comment on column walhook.alert.notify_at is 'When it is to be posted to [alerts] url, or again; null = done. Alerts older than a day are left alone.';
comment on column walhook.alert.notify_tries is 'How often it was posted, successfully or not.';
comment on column walhook.alert.notified_at is 'When the URL took it; null with notify_at null = given up, or raised before this version.';
