//! Why changes of a row do or do not reach endpoints, and which events there are: each reason is
//! told, with what to do about it, to whoever may know.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fmt::Write as _;

use serde_json::{Value, json};
use support::inbound::installed;
use support::pg::{Connected, Database, Pg};
use tokio_postgres::Client;

/// A watched table, an endpoint, and a daemon that has read both.
const SHOP: &str = include_str!("support/explained.sql");

/// Five lines for each: what is so, as SQL; event type and endpoint; verdict; reason; fix.
const SITUATIONS: &str = include_str!("support/situations.txt");

async fn shop() -> Database {
    let database = installed(Pg::shared()).await;
    database.execute(&SHOP.replace("ROLE", &database.name)).await;
    database
}

fn situations() -> impl Iterator<Item = [&'static str; 5]> {
    let blocks = SITUATIONS.split("\n\n").filter(|block| !block.trim_start().starts_with('#'));
    blocks.map(|block| {
        let lines: Vec<&str> = block.trim_matches('\n').lines().map(str::trim).collect();
        lines[..].try_into().unwrap_or_else(|_| panic!("five lines: {block}"))
    })
}

/// What is told of one event type to one endpoint, `-` standing for none.
async fn told(client: &Client, key: &str, event: &str) -> Vec<[String; 3]> {
    let ask = format!(
        "select verdict, coalesce(reason, '-'), coalesce(fix, '-')
         from   walhook.explain_event({key})
         where  concat_ws(' ', coalesce(event_type, '-'), coalesce(endpoint_name, '-')) = $1"
    );
    let rows = client.query(&ask, &[&event]).await.unwrap_or_else(|e| panic!("{key}: {e:?}"));
    rows.iter().map(|row| [row.get(0), row.get(1), row.get(2)]).collect()
}

#[tokio::test]
async fn each_situation_is_told_by_its_reason_and_fix() {
    let database = shop().await;
    let client = database.client();
    let mut failures = String::new();
    for [given, event, verdict, reason, fix] in situations() {
        let reason = reason.replace("ROLE", &database.name);
        let (given, key) = given.split_once(" => ").unwrap_or((given, "'orders', '{\"id\": 1}'"));
        client
            .batch_execute(&format!("begin; {given}"))
            .await
            .unwrap_or_else(|e| panic!("{given}: {e:?}"));
        let told = told(client, key, event).await;
        client.batch_execute("rollback").await.unwrap();
        if told != [[verdict, &reason, fix]] {
            let _ = writeln!(
                failures,
                "{given}\n  {event}\n  wanted {verdict}\n{reason}\n{fix}\n  got {told:#?}"
            );
        }
    }
    assert!(failures.is_empty(), "{failures}");
    println!("{} situations", situations().count());
}

/// What is asked, the error, its hint.
const MISTAKES: &[[&str; 3]] = &[
    ["'orders', null", "key: expected an object of columns, found null", ORDER_KEY],
    ["'orders', '42'", "key: expected an object of columns, found a number", ORDER_KEY],
    ["'orders', '{}'", "key: expected an object of columns, found an empty one", ORDER_KEY],
    ["'orders', '{\"ids\": 1}'", "key: public.orders has no column 'ids'", "Did you mean id?"],
    ["'orders', '{\"status\": \"open\"}'", "key: the primary key has the column id too", ORDER_KEY],
    ["'items', '{\"line\": 1}'", "key: the primary key has the column order_id too", ITEM_KEY],
    ["'orders', '{\"id\": \"one\"}'", "key: id is of type integer, which 'one' is not", ORDER_KEY],
    [
        "'orders', '{\"id\": 99999999999}'",
        "key: id is of type integer, which '99999999999' is not",
        ORDER_KEY,
    ],
    ["'orders', '{\"id\": null}'", "key: id is null", "Name columns that are not null."],
    [
        "'loose', '{\"name\": \"a\"}'",
        "key: more than one row has it",
        "Name more columns, so that one row is meant.",
    ],
    [
        "null, '{\"id\": 1}'",
        "relation: there is no such table",
        "Name it with its schema, as in 'public.orders'.",
    ],
];
const ORDER_KEY: &str = "Give the row's key as in '{\"id\": …}'.";
const ITEM_KEY: &str = "Give the row's key as in '{\"order_id\": …, \"line\": …}'.";

#[tokio::test]
async fn a_key_that_cannot_be_one_is_refused_by_what_is_wrong_with_it() {
    let database = shop().await;
    for [asked, message, hint] in MISTAKES {
        let ask = format!("select from walhook.explain_event({asked})");
        let error = database.client().batch_execute(&ask).await.unwrap_err();
        let error = error.as_db_error().unwrap_or_else(|| panic!("{asked}: {error:?}"));
        assert_eq!((error.message(), error.hint()), (*message, Some(*hint)), "{asked}");
    }
}

#[tokio::test]
async fn a_row_that_is_not_there_is_said_not_to_be() {
    let database = shop().await;
    let told = told(database.client(), "'orders', '{\"id\": 9}'", "- -").await;
    assert_eq!(told[0][0], "no row");
    assert_eq!(
        told[0][1],
        "public.orders has no row {\"id\": 9} now, or none that you see; what needs it is left open"
    );
}

/// Deliveries as the daemon logs them, of two rows, and what became of them.
const LOGGED: &str = r#"
    insert into walhook.attempt
           (delivery_id, attempt, endpoint_id, commit_lsn, ordinal, event_id, event_type, outcome, committed_at, started_at,
            duration_us, status_code, error_message, payload)
    select gen_random_uuid(), 1, e.id, '0/1', n, 'evt_' || n, 'order.updated', outcome, now() - n * interval '1 minute', now(),
           1, status_code, problem, convert_to(body, 'UTF8')
    from   walhook.endpoint as e,
           (values (1, 'success',  200, null,    '{"model":{"label":"store.Order"},"object":{"id":1}}'),
                   (2, 'failed',   500, 'no',    '{"model":{"label":"store.Order"},"object":{"id":1}}'),
                   (3, 'retrying', 500, 'no',    null),
                   (4, 'success',  200, null,    '{"model":{"label":"store.Order"},"object":{"id":2}}'),
                   (5, 'success',  200, null,    'a form=1'),
                   (6, 'success',  200, null,    '{"model":{"label":"store.Item"},"object":{"id":1}}')
           ) as d (n, outcome, status_code, problem, body);
    insert into walhook.body values ('evt_7', 1, '{"model":{"label":"store.Order"},"object":{"id":1}}');
    insert into walhook.pending
           (delivery_id, endpoint_id, commit_lsn, ordinal, event_id, event_type, committed_at, key_hash, former_key_hash, shape,
            bytes, state, next_at, attempts)
    select gen_random_uuid(), e.id, '0/2', 1, 'evt_7', 'order.updated', now(), 1, 1, 1, 16, 'retry', now(), 1
    from   walhook.endpoint as e;
"#;

#[tokio::test]
async fn the_newest_deliveries_of_the_row_are_told_with_their_status() {
    let database = shop().await;
    database.execute(LOGGED).await;
    let rows = database
        .query(
            "select concat_ws(' ', verdict, split_part(reason, ',', 1), fix)
             from   walhook.explain_event('orders', '{\"id\": 1}')
             where  reason like 'evt%'",
            &[],
        )
        .await;
    let told: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        told,
        [
            "retrying evt_7 select * from walhook.redeliver('evt_7', 'crm')",
            "success evt_1",
            "failed evt_2 select * from walhook.redeliver('evt_2', 'crm')",
        ]
    );
}

/// A session whose login is a role of this database.
async fn login(database: &Database, role: &str) -> Connected {
    let login = format!("//{}_{role}@", database.name);
    Connected::open(&database.url.replace("//postgres@", &login)).await
}

#[tokio::test]
async fn a_tenant_is_told_of_its_own_endpoints_and_of_tables_that_it_may_read() {
    let database = shop().await;
    database
        .execute(
            "select walhook.create_endpoint('mine', 'https://acme.example.com', 'acme');
             update walhook.endpoint set active_from = '0/0';
             update walhook.model set application = 'tenant' where label = 'store.Order'",
        )
        .await;
    let alice = login(&database, "alice").await;
    let own = "'orders', '{\"id\": 1}'";
    let sent = told(&alice.client, own, "order.created mine").await;
    assert_eq!(sent, [["sent", "as order.created", "-"]]);
    let others = told(&alice.client, "'orders', '{\"id\": 2}'", "order.created mine").await;
    assert_eq!(others[0][0], "not sent", "{others:?}");
    assert!(told(&alice.client, own, "order.created crm").await.is_empty());
    let plain = told(&alice.client, "'plain', '{\"id\": 1}'", "- -").await;
    assert_eq!(plain[0][1], "public.plain has no model and is not published");
    let unreadable = "select from walhook.explain_event('items', '{\"line\": 1, \"order_id\": 1}')";
    let error = alice.client.batch_execute(unreadable).await.unwrap_err();
    let error = error.as_db_error().unwrap();
    assert_eq!(error.message(), "relation: you may not read public.items");
    let hint = format!("Have its owner: grant select on public.items to {}_alice.", database.name);
    assert_eq!(error.hint(), Some(hint.as_str()));

    database
        .execute("update walhook.application set models = '{shop.*}' where name = 'acme'")
        .await;
    let hidden = told(&alice.client, own, "- -").await;
    assert_eq!(hidden[0][1], "public.orders has no model that you may know");
    let catalog = alice.client.query("select from walhook.event_catalog", &[]).await.unwrap();
    assert!(catalog.is_empty());
}

#[tokio::test]
async fn a_row_that_row_security_hides_is_not_told_of() {
    let database = shop().await;
    database
        .execute(
            "alter table orders enable row level security;
             create policy own on orders using (tenant = '17')",
        )
        .await;
    let alice = login(&database, "alice").await;
    assert_eq!(told(&alice.client, "'orders', '{\"id\": 2}'", "- -").await[0][0], "no row");
}

/// What a query makes, as JSON.
async fn documents(client: &Client, sql: &str) -> Vec<Value> {
    let rows = client.query(sql, &[]).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    rows.iter().map(|row| serde_json::from_str(row.get(0)).unwrap()).collect()
}

#[tokio::test]
async fn the_catalog_has_each_type_with_who_gets_it_and_as_what() {
    let database = shop().await;
    database
        .execute(
            "alter publication walhook add table plain;
             update walhook.endpoint
             set    events = '{updated,order.*}',
                    exclude_models = '{store.Loose}',
                    exclude_fields = '{\"store.Order\": [\"tenant\"]}',
                    redact_fields = '{\"store.Order\": {\"status\": \"***\"}}'",
        )
        .await;
    let types = "select concat_ws(' ', event_type, event, model, relation, endpoint_name, fields, condition)
                 from   walhook.event_catalog
                 order  by model, endpoint_name, event_type, event";
    for role in ["viewer", "postgres"] {
        let session = match role {
            "postgres" => database.connect().await,
            _ => login(&database, role).await,
        };
        let rows = session.client.query(types, &[]).await.unwrap();
        let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(rows, CATALOG, "{role}");
    }
    let example =
        "select example::text from walhook.event_catalog where event_type = 'order.updated'";
    let examples = documents(database.client(), example).await;
    assert_eq!(
        examples,
        [json!({
            "id": "evt_01M8AD6GKQKQJD39T60XPP2DZC", "type": "order.updated", "event": "updated",
            "schema_version": 1, "timestamp": "2026-01-16T12:30:00Z",
            "model": {"app": "store", "name": "Order", "label": "store.Order"},
            "object": {"id": 42, "status": "***", "total": "299.99", "profile": {}},
            "changes": {"status": {"old": "***", "new": "***"}},
            "user": null,
        })]
    );
}

/// Type, kind, model, table, endpoint where there is one, fields, condition.
const CATALOG: &[&str] = &[
    "plain.updated updated public.plain plain crm {id}",
    "plain.created created public.plain plain {id}",
    "plain.deleted deleted public.plain plain {id}",
    "item.updated updated store.Item items crm {order_id,line,note}",
    "item.created created store.Item items {order_id,line,note}",
    "item.deleted deleted store.Item items {order_id,line,note}",
    "loose.created created store.Loose loose {name,at}",
    "loose.deleted deleted store.Loose loose {name,at}",
    "loose.updated updated store.Loose loose {name,at}",
    "order.created created store.Order orders crm {id,status,total,profile}",
    "order.deleted deleted store.Order orders crm {id,status,total,profile}",
    "order.large created store.Order orders crm {id,status,total,profile} new.total > 1000",
    "order.updated updated store.Order orders crm {id,status,total,profile}",
];
