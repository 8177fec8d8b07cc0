//! Changes that an inbound event makes carry its name, and endpoints may leave them out, so that
//! what a provider told us is not told back to it. Where the message is written by hand, it is
//! written as `walhook.run_inbound` writes it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use support::daemon::{Daemon, Site, endpoint};
use support::hooks::{Hook, Hooks};
use support::pg::{Database, Pg};
use support::poster::{Poster, stripe_event};

const SECRET: &str = "whsec_test_7b1fStripeVectorSecret";

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
            "[payload]\ninclude_source = true\n[inbound]\nlisten = \"127.0.0.1:0\"\n\
             [inbound.sources.stripe]\npreset = \"stripe\"\nsecrets = [\"${STRIPE_SECRET}\"]\n"
                .to_owned(),
            endpoint("all", &hooks.url("/all"), "ordering = \"endpoint\""),
            endpoint(
                "ours",
                &hooks.url("/ours"),
                "ordering = \"endpoint\"\nexclude_origins = [\"stripe\"]",
            ),
        ];
        let site = Site::new(&database, &["public.t"], &config.concat())
            .with_variable("STRIPE_SECRET", SECRET);
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
async fn what_stripe_causes_does_not_go_back_to_where_stripe_is_excluded() {
    let world = World::new().await;
    world
        .database
        .execute(
            "create function handle(event walhook.inbound_event) returns void language sql as $$
                 insert into t select 1; select walhook.emit('payment.seen', '{\"id\": 2}') $$;
             select walhook.on_inbound('stripe', '*', 'handle(walhook.inbound_event)')",
        )
        .await;
    let poster = Poster::of(&world.daemon).await;
    let event = stripe_event("evt_\\\"1\\u00e9", "charge.succeeded");
    assert_eq!(poster.stripe(SECRET, &event).await.status, 200);
    world.database.becomes_true("select status = 'processed' from walhook.inbound_event").await;
    let (all, ours) = world.after("insert into t values (3)").await;
    assert_eq!(told(&all), ["t.created 1", "payment.seen 2", "t.created 3"]);
    assert_eq!(told(&ours), ["t.created 3"]);
    let origin = json!({"source": "stripe", "event_id": "evt_\"1é"});
    assert!(all[..2].iter().all(|hook| hook.json()["source"]["origin"] == origin), "{all:?}");
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
