//! `walhook.preview`: what an endpoint would be sent of a row, without sending it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use support::daemon::{Daemon, Site};
use support::hooks::Hooks;
use support::pg::{Connected, Database, Pg};
use tokio_postgres::Client;

/// Values whose texts hang on settings, types and nulls.
const TABLE: &str = "
    create type mood as enum ('sad', 'ok');
    create type pair as (a int, b text);
    create domain price as numeric check (value > 0);
    create table items (
        id int8 primary key, note text, secret text, flag bool, amount numeric, cost price, ratio float8, small float4,
        at timestamptz, day date, span interval, raw bytea, money money, doc json, docb jsonb, tags text[], days date[],
        pair pair, mood mood, padded char(5), about regclass, twice int8 generated always as (id * 2) stored, nothing text);";

const GENERATED: &str = " twice int8 generated always as (id * 2) stored,";

const ROW: &str = r#"
    9007199254740993, E'é "x" \\ \n', 'hush', true, 1.10, 2.50, 0.1::float8 + 0.2, 1.1, '2026-03-01 12:00:00+05', '2026-03-01',
    interval '1 year 2 days 03:04:05.6', '\xdeadbeef', 12.34, '{"b": 1.10,  "a": null}', '{"b": 1.10, "a": [1]}',
    '{a,"b,c",null}', '{2026-01-02}', row(null, 'x y'), 'ok', 'ab', 'items', default, null"#;

/// Whatever a session's settings make of values, its previews are what the daemon would send.
const ODD_SETTINGS: &str = "set datestyle = 'German'; set intervalstyle = 'sql_standard'; set timezone = 'Asia/Tokyo'; \
                            set extra_float_digits = -5; set bytea_output = 'escape'; set search_path = public";

struct Shop {
    database: Database,
    hooks: Hooks,
    daemon: Daemon,
}

impl Shop {
    /// A table that is watched, and an endpoint for what changes in it.
    async fn open(table: &str, setup: &str) -> Self {
        let database = Pg::shared().database().await;
        database.execute(table).await;
        let hooks = Hooks::ok().await;
        let daemon = Site::new(&database, &[], "").up().await;
        database.execute("select walhook.watch('items', 'store.Item')").await;
        let url = hooks.url("/");
        database.execute(&format!("select walhook.create_endpoint('crm', '{url}')")).await;
        database.execute(setup).await;
        let is_followed = "select bool_and(active_from is not null) from walhook.endpoint";
        database.becomes_true(is_followed).await;
        Self { database, hooks, daemon }
    }

    async fn preview(&self, arguments: &str) -> Vec<Previewed> {
        preview(self.database.client(), arguments).await
    }

    /// The message and the hint that it refuses with.
    async fn refused(&self, arguments: &str) -> [String; 2] {
        refused(self.database.client(), arguments).await
    }
}

#[derive(Debug)]
struct Previewed {
    event: String,
    verdict: String,
    payload: Option<String>,
    reason: String,
    fix: String,
}

impl Previewed {
    fn json(&self) -> Value {
        let payload = self.payload.as_deref().unwrap_or_else(|| panic!("no payload: {self:?}"));
        serde_json::from_str(payload).unwrap()
    }

    fn is(&self, event: &str, verdict: &str, reason: &str, fix: &str) {
        let told = [&*self.event, &*self.verdict, &*self.reason, &*self.fix];
        assert_eq!(told, [event, verdict, reason, fix]);
    }
}

async fn preview(client: &Client, arguments: &str) -> Vec<Previewed> {
    let sql = format!(
        "select coalesce(event_type, '-'), coalesce(verdict, '-'), payload::text, coalesce(reason, '-'), coalesce(fix, '-') \
         from walhook.preview({arguments})"
    );
    let rows = client.query(&sql, &[]).await.unwrap_or_else(|e| panic!("{arguments}: {e:?}"));
    let previewed = |row: &tokio_postgres::Row| Previewed {
        event: row.get(0),
        verdict: row.get(1),
        payload: row.get(2),
        reason: row.get(3),
        fix: row.get(4),
    };
    rows.iter().map(previewed).collect()
}

async fn refused(client: &Client, arguments: &str) -> [String; 2] {
    let sql = format!("select from walhook.preview({arguments})");
    let error = client.batch_execute(&sql).await.expect_err("it is refused");
    let error = error.as_db_error().unwrap_or_else(|| panic!("{arguments}: {error:?}"));
    [error.message().to_owned(), error.hint().unwrap_or_default().to_owned()]
}

/// A payload without what no two events share.
fn without_id(payload: &str) -> String {
    let document: Value = serde_json::from_str(payload).unwrap();
    let payload = payload.replace(document["id"].as_str().unwrap(), "ID");
    payload.replace(document["timestamp"].as_str().unwrap(), "TIME")
}

#[tokio::test]
async fn a_preview_has_the_bytes_that_a_change_sends_whatever_the_types_and_settings() {
    for identity in ["default", "full"] {
        let setup = format!(
            "update walhook.endpoint set exclude_fields = '[\"secret\"]'; alter table items replica identity {identity}"
        );
        // Since PostgreSQL 18 no generated column may be in an identity.
        let (table, row) = match identity {
            "full" => (TABLE.replace(GENERATED, ""), ROW.replace(" default,", "")),
            _ => (TABLE.to_owned(), ROW.to_owned()),
        };
        let shop = Shop::open(&table, &setup).await;
        let asking = shop.database.connect().await;
        asking.client.batch_execute(ODD_SETTINGS).await.unwrap();
        shop.database.execute(&format!("insert into items values ({row})")).await;
        let made = shop.hooks.arrived(1).await.remove(0);
        let told = preview(&asking.client, "'crm', 'items', '{\"id\": 9007199254740993}'").await;
        let change = "update items set note = note || '!'; delete from items";
        shop.database.execute(change).await;
        let sent = shop.hooks.arrived(3).await;
        shop.daemon.stop().await;

        let created = told[0].payload.as_deref().unwrap();
        assert_eq!(without_id(created), without_id(made.text()), "{identity}");
        assert!(!created.contains("hush"), "{created}");
        told[0].is("item.created", "sent", "-", "-");
        let nothing_new = "changes is empty, since nothing has changed";
        told[1].is("item.updated", "sent", nothing_new, "-");
        assert_eq!(told[1].json()["object"], told[0].json()["object"], "{identity}");
        // As it was when it was asked about: the note has not been changed.
        let deleted = without_id(told[2].payload.as_deref().unwrap());
        let really = without_id(sent[2].text()).replace("\\n!\"", "\\n\"");
        assert_eq!(deleted, really, "{identity}");
    }
}

const PLAIN: &str = "create table items (id int primary key, status text, phone text, tenant text); \
     insert into items values (1, 'new', '555', '17'), (2, 'old', null, '18')";

#[tokio::test]
async fn a_preview_shows_what_the_transform_makes_after_redaction_and_sends_nothing() {
    let setup = r#"update walhook.endpoint
        set redact_fields = '{"store.Item": {"phone": "***"}}',
            transform = '{"text": {{ event ~ " " ~ object.status ~ " " ~ object.phone }}}'"#;
    let shop = Shop::open(PLAIN, setup).await;
    let told = shop.preview("'crm', 'items', '{\"id\": 1}'").await;
    assert_eq!(told[0].json(), json!({"text": "created new ***"}));
    assert_eq!(
        told.iter().map(|t| &*t.event).collect::<Vec<_>>(),
        ["item.created", "item.updated", "item.deleted"]
    );
    // The row as this session sees it, committed or not.
    let told = {
        let client = shop.database.client();
        client.batch_execute("begin; update items set status = 'sold' where id = 1").await.unwrap();
        let told = shop.preview("'crm', 'items', '{\"id\": 1}'").await;
        client.batch_execute("rollback").await.unwrap();
        told
    };
    assert_eq!(told[0].json(), json!({"text": "created sold ***"}));
    shop.database.execute("insert into items values (3, 'real')").await;
    let arrived = shop.hooks.arrived(1).await;
    assert_eq!(arrived[0].json(), json!({"text": "created real ***"}), "the first that was sent");
    shop.daemon.stop().await;
}

#[tokio::test]
async fn what_would_not_be_sent_is_told_with_the_reason_and_the_fix() {
    let setup = r#"
        update walhook.endpoint set events = '{*.created,order.*}', condition = 'new.status <> ''old''';
        insert into walhook.event_type (name, model, on_events, condition)
        values ('order.large', 'store.Item', '{created}', 'new.id > 1 / (new.id - 2)')"#;
    let shop = Shop::open(PLAIN, setup).await;
    let told = shop.preview("'crm', 'items', '{\"id\": 1}'").await;
    told[0].is("item.created", "sent", "-", "-");
    assert_eq!(told[0].json()["object"]["status"], "new");
    told[1].is("order.large", "sent", "-", "-");
    let pattern = "events = {*.created,order.*} does not name item.updated";
    told[2].is(
        "item.updated",
        "not sent",
        pattern,
        "update walhook.endpoint set events = events || '{item.updated}' where name = 'crm'",
    );

    let told = shop.preview("'crm', 'items', '{\"id\": 2}'").await;
    assert_eq!((&*told[0].verdict, told[0].payload.is_none()), ("not sent", true), "{told:?}");
    assert_eq!((&*told[1].verdict, told[1].payload.is_none()), ("fails", true), "{told:?}");

    shop.database.execute("select * from walhook.pause('crm')").await;
    let told = shop.preview("'crm', 'items', '{\"id\": 1}'").await;
    told[0].is(
        "item.created",
        "held",
        "the endpoint is paused",
        "select * from walhook.resume('crm')",
    );
    assert_eq!(told[0].json()["object"]["id"], 1, "what is held is shown all the same");
    shop.daemon.stop().await;
}

#[tokio::test]
async fn a_key_means_what_the_callers_settings_make_of_it() {
    let table = "create table items (at timestamptz primary key, n int); \
                 insert into items values ('2026-03-01 03:00Z', 1), ('2026-03-01 12:00Z', 2)";
    let shop = Shop::open(table, "").await;
    let asking = shop.database.connect().await;
    asking.client.batch_execute("set timezone = 'Asia/Tokyo'").await.unwrap();
    let told = preview(&asking.client, "'crm', 'items', '{\"at\": \"2026-03-01 12:00\"}'").await;
    assert_eq!(told[0].json()["object"]["n"], 1);
    shop.daemon.stop().await;
}

#[tokio::test]
async fn rows_without_an_identity_are_made_and_neither_changed_nor_deleted() {
    let table = "create table items (id int primary key, note text); insert into items values (1)";
    let setup = "alter table items replica identity nothing";
    let shop = Shop::open(table, setup).await;
    let told = shop.preview("'crm', 'items', '{\"id\": 1}'").await;
    told[0].is("item.created", "sent", "-", "-");
    let reason =
        "PostgreSQL refuses to update or delete rows of a published table without replica identity";
    let fix = "alter table public.items replica identity full";
    told[1].is("item.updated", "not sent", reason, fix);
    told[2].is("item.deleted", "not sent", reason, fix);
    shop.daemon.stop().await;
}

#[tokio::test]
async fn what_a_key_only_includes_is_no_part_of_it() {
    let table = "create table items (id int, note text, primary key (id) include (note)); \
                 insert into items values (1, 'a')";
    let shop = Shop::open(table, "alter table items replica identity default").await;
    let told = shop.preview("'crm', 'items', '{\"id\": 1}'").await;
    assert_eq!(told[2].json()["object"], json!({"id": 1}));
    shop.daemon.stop().await;
}

#[tokio::test]
async fn a_row_that_the_publication_leaves_out_is_said_to_be() {
    let shop = Shop::open(PLAIN, "").await;
    let publication: String =
        shop.database.query_one("select publication from walhook.installation", &[]).await;
    let filtered = format!(
        "alter publication \"{publication}\" drop table items; \
         alter publication \"{publication}\" add table items (id, status) where (status <> 'old')"
    );
    shop.database.execute(&filtered).await;
    let told = shop.preview("'crm', 'items', '{\"id\": 2}'").await;
    let (reason, fix) =
        ("the publication's row filter leaves the row out", "select * from pg_publication_tables");
    told[0].is("-", "not captured", reason, fix);
    let told = shop.preview("'crm', 'items', '{\"id\": 1}'").await;
    assert_eq!(told[0].json()["object"], json!({"id": 1, "status": "new"}));
    shop.daemon.stop().await;
}

#[tokio::test]
async fn a_question_that_cannot_be_answered_is_refused_by_what_is_wrong() {
    let shop = Shop::open(PLAIN, "").await;
    let key = "'{\"id\": 1}'";
    for (arguments, message, hint) in [
        (
            format!("'crn', 'items', {key}"),
            "endpoint: there is no endpoint 'crn'",
            "select name from walhook.endpoint shows yours.",
        ),
        (
            format!("null, 'items', {key}"),
            "endpoint: there is no endpoint null",
            "select name from walhook.endpoint shows yours.",
        ),
        (
            "'crm', 'items', '{\"ID\": 1}'".to_owned(),
            "key: public.items has no column 'ID'",
            "Did you mean id?",
        ),
    ] {
        assert_eq!(shop.refused(&arguments).await, [message, hint], "{arguments}");
    }
    let client = shop.database.client();
    client.batch_execute("begin isolation level repeatable read").await.unwrap();
    let told = shop.refused(&format!("'crm', 'items', {key}")).await;
    client.batch_execute("rollback").await.unwrap();
    assert_eq!(
        told,
        [
            "preview: a transaction that is repeatable read would not see the daemon's answer",
            "Call it outside, or in one that is read committed."
        ]
    );
    client.batch_execute("begin read only").await.unwrap();
    let told = shop.refused(&format!("'crm', 'items', {key}")).await;
    client.batch_execute("rollback").await.unwrap();
    assert_eq!(told[0], "preview: a read-only transaction cannot ask the daemon");
    let told = shop.preview("'crm', 'items', '{\"id\": 9}'").await;
    let no_row = "public.items has no row {\"id\": 9} now, or none that you see";
    told[0].is("-", "no row", no_row, "-");
    let told = shop.preview(&format!("'crm', 'walhook.endpoint', {key}")).await;
    assert_eq!((&*told[0].verdict, told.len()), ("not captured", 1));
    let Shop { database, daemon, .. } = shop;
    daemon.stop().await;
    database.becomes_true("select walhook.idle_slot() is not null").await;
    let told = preview(database.client(), &format!("'crm', 'items', {key}")).await;
    told[0].is("-", "waits", &format!("no daemon reads the slot {}", database.name), "walhook run");
}

/// A session of a role that exists in this database only.
async fn login(database: &Database, role: &str) -> Connected {
    let name = format!("{}_{role}", database.name);
    database.execute(&format!("create role {name} login")).await;
    Connected::open(&database.url.replace("//postgres@", &format!("//{name}@"))).await
}

#[tokio::test]
async fn a_tenant_previews_its_own_rows_for_its_own_endpoints_only() {
    let shop = Shop::open(PLAIN, "").await;
    let database = &shop.database;
    let acme = login(database, "acme").await;
    let setup = "grant select on items to ROLE_acme;
        insert into walhook.application (name, admin_role, key, models) values ('acme', 'ROLE_acme', '17', '{store.*}');
        update walhook.model set application = 'tenant';
        set local role ROLE_acme;
        select walhook.create_endpoint('theirs', 'https://acme.example.com', application => 'acme');";
    let setup = setup.replace("ROLE", &database.name);
    database.execute(&format!("begin; {setup} commit")).await;
    let told = preview(&acme.client, "'theirs', 'items', '{\"id\": 1}'").await;
    assert_eq!(told[0].json()["object"]["phone"], "555");
    let told = preview(&acme.client, "'theirs', 'items', '{\"id\": 2}'").await;
    assert_eq!((&*told[0].verdict, told[0].payload.is_none()), ("not sent", true), "{told:?}");
    let [message, _] = refused(&acme.client, "'crm', 'items', '{\"id\": 1}'").await;
    assert_eq!(message, "endpoint: there is no endpoint 'crm'");

    // A question that is forged is answered, and the answer is not theirs to take.
    let asked = "00000000-0000-4000-8000-000000000001";
    let forge = "select pg_logical_emit_message(false, 'walhook.preview', convert_to((
            walhook.row_as_captured('items', 'true and r.id = 1')
            || jsonb_build_object('asked', $1::text, 'endpoint', $2::text))::text, 'UTF8'))::text";
    let crm: String =
        database.query_one("select id::text from walhook.endpoint where name = 'crm'", &[]).await;
    acme.client.query(forge, &[&asked, &crm]).await.unwrap();
    database.execute("select nextval('walhook.preview_bell')").await;
    database.becomes_true("select count(*) > 0 from walhook.preview_answer").await;
    let take = format!("select from walhook.take_preview('{asked}')");
    assert!(acme.client.query(&take, &[]).await.unwrap().is_empty());
    assert!(!database.query(&take, &[]).await.is_empty(), "its manager's it is");

    let nosy = login(database, "nosy").await;
    let error = nosy.client.batch_execute("select walhook.preview('crm', 'items', '{\"id\": 1}')");
    let error = error.await.unwrap_err();
    assert_eq!(error.as_db_error().unwrap().message(), "permission denied for function preview");
    shop.daemon.stop().await;
}

#[tokio::test]
async fn questions_that_are_none_do_no_harm() {
    let shop = Shop::open(PLAIN, "").await;
    let crm: String = shop.database.query_one("select id::text from walhook.endpoint", &[]).await;
    let forged = FORGED.replace("CRM", &crm);
    for content in ["'walhook'", "''", "'{}'", "'{\"asked\": 1}'", r"'\xff00ff'::bytea", &forged] {
        let sql = format!("select pg_logical_emit_message(false, 'walhook.preview', {content})");
        shop.database.execute(&sql).await;
    }
    let told = shop.preview("'crm', 'items', '{\"id\": 1}'").await;
    assert_eq!(told[0].json()["object"]["id"], 1);
    shop.daemon.stop().await;
}

/// Of a table that does not exist, with types that do not, twice the same column.
const FORGED: &str = r#"'{"asked": "00000000-0000-4000-8000-000000000002", "endpoint": "CRM",
    "relation": 4294967295, "schema": "", "name": "", "identity": "f",
    "columns": [{"name": "a", "type": 4294967295, "in_identity": true, "text": "{"},
                {"name": "a", "type": 114, "in_identity": false, "text": "{"}]}'"#;
