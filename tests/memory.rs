//! The daemon's memory, whatever waits in the queue.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::daemon::{Site, endpoint};
use support::hooks::Hooks;
use support::pg::Pg;

fn peak_megabytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::test]
async fn bodies_larger_than_a_lanes_share_are_read_back_one_after_the_other() {
    const ENDPOINTS: usize = 24;
    const BYTES: usize = 6_000_000;
    let database = Pg::shared().database().await;
    database.execute("create table items (id int primary key, filling text)").await;
    let hooks = Hooks::ok().await;
    // Bodies of their own, so that they share no memory.
    let config: String = (0..ENDPOINTS)
        .map(|n| {
            let own = format!("redact_fields = {{ \"*\" = {{ id = \"{n}\" }} }}");
            endpoint(&format!("e{n}"), &hooks.url(&format!("/{n}")), &own)
        })
        .collect();
    let site = Site::new(&database, &["public.items"], &config);
    site.up().await.stop().await;
    let parked = format!(
        "with waiting as (select id, row_number() over (order by id) as n from walhook.endpoint), \
         body as (insert into walhook.body select 'evt_' || n, 0, convert_to(repeat('x', {BYTES}), 'UTF8') \
                  from waiting) \
         insert into walhook.pending (delivery_id, endpoint_id, commit_lsn, ordinal, event_id, \
             event_type, committed_at, key_hash, former_key_hash, shape, bytes, state) \
         select gen_random_uuid(), id, '0/1', n, 'evt_' || n, 'item.created', now(), n, n, 0, {BYTES}, 'ready' \
         from waiting"
    );
    database.execute(&parked).await;
    let daemon = site.run().await;
    hooks.arrived(ENDPOINTS).await;
    database.becomes_true("select count(*) = 0 from walhook.pending").await;
    let peak = peak_megabytes(daemon.pid());
    daemon.stop().await;
    assert!(peak <= 96, "{peak} MB");
}
