//! What an answer, or none, does to a delivery: retries, failures, holds, the log. Contract 3.3.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::daemon::{Site, endpoint};
use support::hooks::{Hooks, Reply};
use support::pg::Pg;

#[tokio::test]
async fn a_committed_row_becomes_a_logged_webhook() {
    let database = Pg::shared().database().await;
    database.execute("create table orders (id int primary key, status text)").await;
    let hooks = Hooks::ok().await;
    let site = Site::new(&database, &["public.orders"], &endpoint("crm", &hooks.url("/crm"), ""));
    let daemon = site.up().await;
    database.execute("insert into orders values (1, 'new')").await;
    let hook = hooks.arrived(1).await.remove(0);
    assert_eq!(hook.event_type(), "orders.created");
    assert_eq!(hook.object(), serde_json::json!({"id": 1, "status": "new"}));
    database
        .becomes_true("select count(*) = 1 from walhook.webhook_log where status = 'success'")
        .await;
    daemon.stop().await;
}
