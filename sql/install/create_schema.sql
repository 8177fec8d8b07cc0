create schema walhook;
comment on schema walhook is 'walhook: committed changes as webhooks. walhook init installs and upgrades it.';
