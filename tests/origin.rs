//! Changes that an inbound event makes carry its name, and endpoints may leave them out, so that
//! what a provider told us is not told back to it. Here the message is written by hand, as
//! `walhook.run_inbound` writes it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use support::daemon::{Daemon, Site, endpoint};
use support::hooks::{Hook, Hooks};
use support::pg::{Database, Pg};

/// Endpoint `/all` hears everything, `/ours` nothing that came from stripe.
struct World {
    database: Database,
    hooks: Hooks,
    daemon: Daemon,
    _site: Site,
}

impl World {
    async fn new() -> Self {
        let database = Pg::shared().database().await;
        database
            .execute(
                "create table t (id int primary key); \
                 create function handling(source text, event_id text) returns pg_lsn \
                 language sql as $$ select pg_logical_emit_message(true, 'walhook.origin', \
                 convert_to(json_build_object('source', source, 'event_id', event_id)::text, \
                 'UTF8')) $$",
            )
            .await;
        let hooks = Hooks::ok().await;
        let config = [
            "[payload]\ninclude_source = true\n".to_owned(),
            endpoint("all", &hooks.url("/all"), "ordering = \"endpoint\""),
            endpoint(
                "ours",
                &hooks.url("/ours"),
                "ordering = \"endpoint\"\nexclude_origins = [\"stripe\"]",
            ),
        ];
        let site = Site::new(&database, &["public.t"], &config.concat());
        let daemon = site.up().await;
        Self { database, hooks, daemon, _site: site }
    }

    /// Runs the statements and returns what `/all` and `/ours` get of them, in commit order.
    async fn after(&self, sql: &str) -> (Vec<Hook>, Vec<Hook>) {
        self.database.execute(sql).await;
        self.database.execute("select walhook.emit('test.end', '{}')").await;
        let at = |path: &'static str| async move {
            let ended = |hook: &Hook| hook.path() == path && hook.event_type() == "test.end";
            self.hooks.until(move |hooks| hooks.iter().any(ended)).await;
            let mut hooks = self.hooks.at(path);
            hooks.pop();
            hooks
        };
        (at("/all").await, at("/ours").await)
    }
}

fn told(hooks: &[Hook]) -> Vec<String> {
    let line = |hook: &Hook| format!("{} {}", hook.event_type(), hook.object()["id"]);
    hooks.iter().map(line).collect()
}

#[tokio::test]
async fn what_a_handler_changes_reaches_no_endpoint_that_excludes_its_source() {
    let world = World::new().await;
    let (all, ours) = world
        .after(
            "begin; select handling('stripe', 'evt_1'); insert into t values (1); \
             select walhook.emit('payment.seen', '{\"id\": 2}'); commit; \
             insert into t values (3); \
             begin; select handling('github', 'g-1'); insert into t values (4); commit",
        )
        .await;
    assert_eq!(told(&all), ["t.created 1", "payment.seen 2", "t.created 3", "t.created 4"]);
    assert_eq!(told(&ours), ["t.created 3", "t.created 4"]);
    let origins: Vec<Value> =
        all.iter().map(|hook| hook.json()["source"]["origin"].clone()).collect();
    let stripe = json!({"source": "stripe", "event_id": "evt_1"});
    let github = json!({"source": "github", "event_id": "g-1"});
    assert_eq!(origins, [stripe.clone(), stripe, Value::Null, github]);
    assert!(all[2].json()["source"].get("origin").is_none());
    assert_eq!(ours[1].body(), all[3].body(), "the same bytes for everybody");
    world.daemon.stop().await;
}

#[tokio::test]
async fn an_origin_ends_with_its_transaction_and_goes_with_its_savepoint() {
    let world = World::new().await;
    let (all, ours) = world
        .after(
            "begin; savepoint s; select handling('stripe', 'evt_1'); insert into t values (1); \
             rollback to s; insert into t values (2); commit; \
             begin; select handling('stripe', 'evt_2'); insert into t values (3); rollback; \
             insert into t values (4); \
             begin; select handling('stripe', 'evt_3'); savepoint s; insert into t values (5); \
             rollback to s; insert into t values (6); commit; \
             insert into t values (7)",
        )
        .await;
    assert_eq!(told(&all), ["t.created 2", "t.created 4", "t.created 6", "t.created 7"]);
    assert_eq!(told(&ours), ["t.created 2", "t.created 4", "t.created 7"]);
    world.daemon.stop().await;
}
