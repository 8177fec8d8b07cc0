//! Endpoints, models and secrets that live in SQL: the running daemon follows each change from its
//! own commit on, and nobody's deliveries are lost, doubled or held up by it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::HashSet;

use support::daemon::{Daemon, Site};
use support::hooks::{Hook, Hooks, Latch, Reply};
use support::pg::{Database, Pg};
use walhook::secret::Secret;
use walhook::sign::{Message, Scheme, Signer};

/// A shop whose webhooks are all configured in SQL.
struct Shop {
    database: Database,
    site: Site,
    daemon: Daemon,
}

impl Shop {
    async fn open() -> Self {
        let database = Pg::shared().database().await;
        database.execute("create table orders (id int primary key, status text, ssn text)").await;
        let site = Site::new(&database, &[], "");
        let daemon = site.up().await;
        Self { database, site, daemon }
    }

    /// Makes an endpoint and returns its secret.
    async fn endpoint(&self, name: &str, url: &str) -> String {
        let sql = "select secret from walhook.create_endpoint($1, $2)";
        self.database.query_one(sql, &[&name, &url]).await
    }

    async fn order(&self, id: i32) {
        let sql = format!("insert into orders values ({id}, 'new', '078-05-1120')");
        self.database.execute(&sql).await;
    }
}

fn ids(hooks: &[Hook]) -> Vec<String> {
    hooks.iter().map(|hook| hook.object()["id"].to_string()).collect()
}

/// PostgreSQL 18 refuses updates of tables whose identity has generated columns.
#[tokio::test]
async fn a_watched_table_takes_updates_whatever_it_generates() {
    let (shop, hooks) = (Shop::open().await, Hooks::ok().await);
    shop.endpoint("crm", &hooks.url("/")).await;
    let table = "create table goods (id int primary key, n int, twice int generated always as (n * 2) stored);
        create table parts (id int primary key, n int, twice int generated always as (n * 2) stored) partition by range (id);
        create table parts_1 partition of parts for values from (0) to (9);";
    shop.database.execute(table).await;
    shop.database.execute("select walhook.watch('goods'), walhook.watch('parts')").await;
    for table in ["goods", "parts"] {
        let change = format!("insert into {table} values (1, 1); update {table} set n = 2");
        shop.database.execute(&change).await;
    }
    let mut types: Vec<_> =
        hooks.arrived(4).await.iter().map(|hook| hook.event_type().to_owned()).collect();
    types.sort();
    assert_eq!(types, ["goods.created", "goods.updated", "parts.created", "parts.updated"]);
}

#[tokio::test]
async fn psql_alone_makes_a_webhook_and_its_signature_verifies() {
    let (shop, hooks) = (Shop::open().await, Hooks::ok().await);
    shop.database.execute("select walhook.watch('orders', 'store.Order')").await;
    let secret = shop.endpoint("crm", &hooks.url("/")).await;
    shop.order(1).await;
    let hooks = hooks.arrived(1).await;
    assert_eq!(hooks[0].event_type(), "order.created");
    assert_eq!(hooks[0].json()["model"]["label"], "store.Order");
    assert!(is_signed_by(&hooks[0], &secret));
    assert!(!is_signed_by(&hooks[0], "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    shop.database.becomes_true("select active_from is not null from walhook.endpoint").await;
}

/// Whether one of the hook's signatures is made with `secret`.
fn is_signed_by(hook: &Hook, secret: &str) -> bool {
    let secrets = [Secret::new(secret.to_owned())];
    let signer = Signer::new(Scheme::Standard, &secrets).unwrap();
    let timestamp = hook.header("webhook-timestamp");
    let message = Message { id: hook.header("webhook-id"), timestamp, body: hook.body() };
    let wanted = signer.sign(&message);
    let wanted = wanted.first().unwrap();
    hook.header("webhook-signature").split(' ').any(|signature| signature == wanted)
}

#[tokio::test]
async fn a_row_committed_before_the_endpoint_was_is_not_sent_and_each_one_after_it_is() {
    let (shop, hooks) = (Shop::open().await, Hooks::ok().await);
    shop.database.execute("select walhook.watch('orders')").await;
    for round in 0..5 {
        shop.order(round * 10).await;
        shop.endpoint(&format!("crm{round}"), &hooks.url(&format!("/{round}"))).await;
        shop.order(round * 10 + 1).await;
    }
    shop.order(99).await;
    let arrived = hooks.until(|hooks| hooks.iter().filter(|h| h.object()["id"] == 99).count() == 5);
    let arrived = arrived.await;
    for round in 0..5 {
        let path = format!("/{round}");
        let of_round: Vec<Hook> =
            arrived.iter().filter(|hook| hook.path() == path).cloned().collect();
        let mut wanted = vec![(round * 10 + 1).to_string()];
        wanted.extend(
            (round + 1..5).flat_map(|later| [later * 10, later * 10 + 1]).map(|id| id.to_string()),
        );
        wanted.push("99".to_owned());
        // Rows of different keys may overtake each other.
        let (arrived, wanted): (HashSet<_>, HashSet<_>) =
            (ids(&of_round).into_iter().collect(), wanted.into_iter().collect());
        assert_eq!(arrived, wanted, "endpoint {round}");
        assert_eq!(of_round.len(), arrived.len(), "endpoint {round}");
    }
}

#[tokio::test]
async fn what_an_endpoint_sees_changes_with_the_commit_that_says_so() {
    let (shop, hooks) = (Shop::open().await, Hooks::ok().await);
    shop.database.execute("select walhook.watch('orders', 'store.Order')").await;
    shop.endpoint("crm", &hooks.url("/a")).await;
    shop.order(1).await;
    hooks.arrived(1).await;
    shop.database
        .execute(
            "update walhook.endpoint set exclude_fields = '[\"ssn\"]', events = '{created,deleted}'",
        )
        .await;
    shop.order(2).await;
    shop.database.execute("update orders set status = 'paid' where id = 2").await;
    shop.database
        .execute(&format!("update walhook.endpoint set url = '{}'", hooks.url("/b")))
        .await;
    shop.database.execute("delete from orders where id = 2").await;
    let arrived = hooks.arrived(3).await;
    assert_eq!(arrived[0].object()["ssn"], "078-05-1120");
    assert_eq!(arrived[1].object().get("ssn"), None);
    let types: Vec<&str> = arrived.iter().map(Hook::event_type).collect();
    assert_eq!(types, ["order.created", "order.created", "order.deleted"]);
    // The URL is that of the attempt's time.
    assert_eq!((arrived[0].path(), arrived[2].path()), ("/a", "/b"));
}

#[tokio::test]
async fn a_request_under_way_keeps_its_course_while_the_configuration_changes() {
    let latch = Latch::new();
    let gate = latch.clone();
    let hooks = Hooks::start(move |hook: &Hook| match hook.path() {
        "/slow" => gate.then_ok(),
        _ => Reply::Status(200),
    })
    .await;
    let shop = Shop::open().await;
    shop.database.execute("select walhook.watch('orders')").await;
    shop.endpoint("slow", &hooks.url("/slow")).await;
    shop.order(1).await;
    hooks.arrived(1).await;
    shop.endpoint("quick", &hooks.url("/quick")).await;
    shop.database
        .execute("update walhook.endpoint set max_in_flight = 4 where name = 'slow'")
        .await;
    shop.order(2).await;
    hooks.arrived_at("/quick", 1).await;
    latch.open();
    shop.database
        .becomes_true(
            "select count(*) = 2 from walhook.webhook_log
             where  endpoint_name = 'slow' and status = 'success' and attempts = 1",
        )
        .await;
    assert_eq!(ids(&hooks.at("/slow")), ["1", "2"]);
}

#[tokio::test]
async fn a_deleted_endpoint_gets_nothing_more_and_the_log_keeps_its_name() {
    let hooks = Hooks::start(|hook: &Hook| match hook.path() {
        "/broken" => Reply::Status(500),
        _ => Reply::Status(200),
    })
    .await;
    let shop = Shop::open().await;
    shop.database.execute("select walhook.watch('orders')").await;
    shop.endpoint("broken", &hooks.url("/broken")).await;
    shop.endpoint("crm", &hooks.url("/crm")).await;
    shop.order(1).await;
    shop.database
        .becomes_true("select exists (select from walhook.webhook_log where status = 'retrying')")
        .await;
    shop.database.execute("delete from walhook.endpoint where name = 'broken'").await;
    shop.order(2).await;
    hooks.arrived_at("/crm", 2).await;
    shop.database
        .becomes_true(
            "select count(*) = 1 and min(status) = 'cancelled'
             from   walhook.webhook_log where endpoint_name = 'broken'",
        )
        .await;
    shop.database.becomes_true("select count(*) = 0 from walhook.pending").await;
    assert_eq!(hooks.at("/broken").len(), 1);
    // The name is free again.
    shop.endpoint("broken", &hooks.url("/again")).await;
    shop.order(3).await;
    assert_eq!(ids(&hooks.arrived_at("/again", 1).await), ["3"]);
}

#[tokio::test]
async fn a_rotated_secret_signs_beside_the_new_one_until_its_grace_is_over() {
    let (shop, hooks) = (Shop::open().await, Hooks::ok().await);
    shop.database.execute("select walhook.watch('orders')").await;
    let first = shop.endpoint("crm", &hooks.url("/")).await;
    let second: String = shop.database.query_one("select walhook.rotate_secret('crm')", &[]).await;
    shop.order(1).await;
    let hook = hooks.arrived(1).await.remove(0);
    assert!(is_signed_by(&hook, &first) && is_signed_by(&hook, &second));
    shop.database
        .execute(
            "update walhook.endpoint_secret set expires_at = now() + interval '1 ms'
             where  expires_at is not null",
        )
        .await;
    // No message tells of a time that passes: the daemon has to look by itself.
    let mut id = 1;
    loop {
        id += 1;
        shop.order(id).await;
        let hook = hooks.arrived(id as usize).await.remove(id as usize - 1);
        assert!(is_signed_by(&hook, &second));
        if !is_signed_by(&hook, &first) {
            break;
        }
    }
}

#[tokio::test]
async fn what_was_configured_survives_kill_9_and_so_does_where_it_began() {
    let (shop, hooks) = (Shop::open().await, Hooks::ok().await);
    shop.database.execute("select walhook.watch('orders')").await;
    shop.endpoint("crm", &hooks.url("/a")).await;
    shop.order(1).await;
    hooks.arrived_at("/a", 1).await;
    let Shop { database, site, daemon } = shop;
    daemon.kill().await;
    database.execute("insert into orders values (2, 'new', '')").await;
    let sql = "select secret from walhook.create_endpoint('late', $1)";
    let _: String = database.query_one(sql, &[&hooks.url("/b")]).await;
    database.execute("insert into orders values (3, 'new', '')").await;
    let _daemon = site.run().await;
    let of_late = hooks.arrived_at("/b", 1).await;
    assert_eq!(ids(&of_late), ["3"], "order 2 was there before the endpoint");
    let of_crm: HashSet<String> = hooks
        .until(|hooks| hooks.iter().any(|h| h.path() == "/a" && h.object()["id"] == 3))
        .await
        .iter()
        .filter(|hook| hook.path() == "/a")
        .map(|hook| hook.object()["id"].to_string())
        .collect();
    assert_eq!(of_crm, ["1", "2", "3"].map(str::to_owned).into());
}

#[tokio::test]
async fn a_fault_that_only_the_daemon_sees_is_told_and_holds_the_events_until_it_is_mended() {
    let (shop, hooks) = (Shop::open().await, Hooks::ok().await);
    shop.database.execute("select walhook.watch('orders')").await;
    shop.endpoint("crm", "https://127.0.0.1:1/").await;
    shop.database
        .execute("update walhook.endpoint set tls = '{\"ca_file\": \"/nowhere/ca.pem\"}'")
        .await;
    shop.database.becomes_true("select fault like '%/nowhere/ca.pem%' from walhook.endpoint").await;
    shop.order(1).await;
    shop.order(2).await;
    shop.database
        .becomes_true(
            "select count(*) = 2 and min(status) = 'held' and max(status) = 'held'
             from   walhook.webhook_log",
        )
        .await;
    shop.database
        .execute(&format!("update walhook.endpoint set tls = null, url = '{}'", hooks.url("/")))
        .await;
    assert_eq!(ids(&hooks.arrived(2).await), ["1", "2"]);
    shop.database.becomes_true("select fault is null from walhook.endpoint").await;
}

#[tokio::test]
async fn header_values_and_auth_are_sent_and_can_be_read_by_nobody() {
    let (shop, hooks) = (Shop::open().await, Hooks::ok().await);
    shop.database.execute("select walhook.watch('orders')").await;
    let url = hooks.url("/").replace("http://", "http://shop:swordfish@");
    shop.database
        .execute(&format!(
            "select walhook.create_endpoint('crm', '{url}', headers => '{{\"X-API-Key\": \"k-4711\"}}')"
        ))
        .await;
    shop.order(1).await;
    let hook = hooks.arrived(1).await.remove(0);
    assert_eq!(hook.header("x-api-key"), "k-4711");
    assert_eq!(hook.header("authorization"), "Basic c2hvcDpzd29yZGZpc2g=");
    let row: String =
        shop.database.query_one("select e::text from walhook.endpoint as e", &[]).await;
    assert!(!row.contains("k-4711") && !row.contains("swordfish"), "{row}");
    assert!(row.contains("***"), "{row}");
    // Stars keep the value.
    shop.database
        .execute("update walhook.endpoint set headers = headers || '{\"X-Shop\": \"7\"}'")
        .await;
    shop.order(2).await;
    let hook = hooks.arrived(2).await.remove(1);
    assert_eq!((hook.header("x-api-key"), hook.header("x-shop")), ("k-4711", "7"));
    let log = shop.daemon.stop().await;
    assert!(!log.contains("k-4711") && !log.contains("swordfish"), "{log}");
}

#[tokio::test]
async fn an_endpoint_of_the_file_shows_in_sql_and_refuses_edits_there() {
    let database = Pg::shared().database().await;
    database.execute("create table orders (id int primary key)").await;
    let hooks = Hooks::ok().await;
    let endpoint = support::daemon::endpoint("crm", &hooks.url("/"), "timeout = \"5s\"\n");
    let site = Site::new(&database, &["public.orders"], &endpoint);
    let daemon = site.up().await;
    database
        .becomes_true(
            "select managed_by = 'config' and timeout = interval '5 s' from walhook.endpoint",
        )
        .await;
    for edit in
        ["update walhook.endpoint set url = 'https://example.com'", "delete from walhook.endpoint"]
    {
        let error = database.client().batch_execute(edit).await.unwrap_err();
        assert!(error.as_db_error().unwrap().message().contains("config.toml"), "{error:?}");
    }
    // Its state is an operator's.
    database.execute("update walhook.endpoint set state = 'paused'").await;
    daemon.says("endpoint changed state").await;
}

#[tokio::test]
async fn rows_with_a_tenant_reach_that_tenants_endpoints_alone() {
    let (shop, hooks) = (Shop::open().await, Hooks::ok().await);
    shop.database
        .execute(
            "create table invoices (id int primary key, account int);
             select walhook.watch('invoices', 'billing.Invoice');
             select walhook.watch('orders', 'store.Order');
             update walhook.model set application = 'account' where label = 'billing.Invoice';
             insert into walhook.application (name, key, models)
             values ('acme', '17', '{billing.*}'), ('globex', '18', '{*}')",
        )
        .await;
    for application in ["acme", "globex", "default"] {
        shop.database
            .execute(&format!(
                "select walhook.create_endpoint('{application}', '{}', '{application}')",
                hooks.url(&format!("/{application}"))
            ))
            .await;
    }
    shop.database.execute("insert into invoices values (1, 17), (2, 18), (3, null), (4, 19)").await;
    shop.order(5).await;
    shop.database.execute("insert into invoices values (6, 17), (7, 18)").await;
    let of = |hooks: Vec<Hook>, path: &str| {
        let of_path: Vec<Hook> = hooks.into_iter().filter(|hook| hook.path() == path).collect();
        ids(&of_path)
    };
    let all = hooks.arrived(6).await;
    assert_eq!(of(all.clone(), "/acme"), ["1", "6"], "it may not hear of orders");
    assert_eq!(of(all.clone(), "/globex"), ["2", "5", "7"]);
    assert_eq!(of(all, "/default"), ["5"]);
}

#[tokio::test]
async fn an_unwatched_table_makes_no_more_events() {
    let (shop, hooks) = (Shop::open().await, Hooks::ok().await);
    shop.database.execute("create table other (id int primary key)").await;
    shop.database.execute("select walhook.watch('orders'), walhook.watch('other')").await;
    shop.endpoint("crm", &hooks.url("/")).await;
    shop.order(1).await;
    // What stops may count at once: a daemon that is behind need not send what came before.
    hooks.arrived(1).await;
    shop.database.execute("select walhook.unwatch('orders')").await;
    shop.order(2).await;
    shop.database.execute("insert into other values (3)").await;
    assert_eq!(ids(&hooks.arrived(2).await), ["1", "3"]);
}

#[tokio::test]
async fn a_stop_before_a_change_was_taken_in_loses_neither_the_change_nor_time() {
    let (shop, hooks) = (Shop::open().await, Hooks::ok().await);
    shop.database.execute("select walhook.watch('orders')").await;
    shop.endpoint("crm", &hooks.url("/crm")).await;
    shop.order(1).await;
    hooks.arrived(1).await;
    // The daemon cannot write down from where the new endpoint counts.
    let operator = shop.database.connect().await;
    operator
        .client
        .batch_execute("begin; lock table walhook.event_type in exclusive mode")
        .await
        .unwrap();
    let sql = format!(
        "begin; insert into orders values (2, 'new', ''); \
         select walhook.create_endpoint('late', '{}'); commit",
        hooks.url("/late")
    );
    shop.database.execute(&sql).await;
    hooks.arrived_at("/crm", 2).await;
    let Shop { database, site, daemon } = shop;
    daemon.stop().await;
    // A server does not notice that who waits for a lock has gone, and would still write it down.
    database.execute("select pg_terminate_backend(pid) from pg_locks where not granted").await;
    let gone = "select not exists (select from pg_locks where not granted)";
    database.becomes_true(gone).await;
    operator.client.batch_execute("rollback").await.unwrap();
    let _daemon = site.run().await;
    database.execute("insert into orders values (3, 'new', '')").await;
    assert_eq!(ids(&hooks.arrived_at("/late", 1).await), ["3"]);
}

#[tokio::test]
async fn what_is_read_again_after_kill_9_is_not_for_an_endpoint_that_came_later() {
    let latch = Latch::new();
    let gate = latch.clone();
    let hooks = Hooks::start(move |hook: &Hook| match hook.path() {
        "/slow" => gate.then_ok(),
        _ => Reply::Status(200),
    })
    .await;
    let shop = Shop::open().await;
    shop.database.execute("select walhook.watch('orders')").await;
    shop.endpoint("slow", &hooks.url("/slow")).await;
    // Under way, so that it and what follows is not confirmed.
    shop.order(1).await;
    hooks.arrived(1).await;
    shop.endpoint("late", &hooks.url("/late")).await;
    let active = "select active_from is not null from walhook.endpoint where name = 'late'";
    shop.database.becomes_true(active).await;
    let Shop { database, site, daemon } = shop;
    daemon.kill().await;
    latch.open();
    let _daemon = site.run().await;
    hooks.arrived_at("/slow", 2).await;
    database.execute("insert into orders values (2, 'new', '')").await;
    let of_late = hooks
        .until(|hooks| hooks.iter().any(|h| h.path() == "/late" && h.object()["id"] == 2))
        .await;
    let of_late: Vec<Hook> = of_late.into_iter().filter(|h| h.path() == "/late").collect();
    assert_eq!(ids(&of_late), ["2"]);
}
