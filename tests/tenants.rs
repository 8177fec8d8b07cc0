//! Tenants: what members of an application's `admin_role` may, and what an attacker among them
//! may not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::future::poll_fn;

use support::inbound::{dsn, installed};
use support::pg::{Connected, Database, Pg};
use tokio_postgres::error::DbError;
use tokio_postgres::{AsyncMessage, NoTls, SimpleQueryMessage};
use walhook::admin::init;
use walhook::store::schema::Installation;

/// Two tenants; beta has something of everything, all of it marked by a word to look for.
async fn two_tenants() -> Database {
    let database = installed(Pg::shared()).await;
    let name = &database.name;
    let setup = include_str!("support/tenants.sql").replace("ROLE", name);
    database.execute(&setup).await;
    database
}

/// A session whose login is a role of this database.
async fn login(database: &Database, role: &str) -> Connected {
    let login = format!("//{}_{role}@", database.name);
    Connected::open(&database.url.replace("//postgres@", &login)).await
}

/// Rows and tags of what a statement gave, or the error.
async fn attempt(session: &Connected, sql: &str) -> Result<Vec<String>, DbError> {
    let messages = session.client.simple_query(sql).await.map_err(|error| {
        error.as_db_error().cloned().unwrap_or_else(|| panic!("{sql}: {error:?}"))
    })?;
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|i| row.get(i).unwrap_or("")).collect::<Vec<_>>().join("|"))
        }
        _ => None,
    });
    Ok(rows.collect())
}

/// Every attempt: what it is for, the statement, and what PostgreSQL or walhook says to it; an
/// empty word is for a statement that succeeds and finds nothing.
const ATTEMPTS: &[(&str, &str, &str)] = &[
    ("read another's endpoint", "select * from walhook.endpoint where name = 'victim'", ""),
    ("read another's endpoint by its application", "select * from walhook.endpoint where application = 'beta'", ""),
    ("read another's log", "select * from walhook.webhook_log", ""),
    ("read another's attempts", "select * from walhook.webhook_attempt", ""),
    ("read the log's table", "select * from walhook.attempt", ""),
    ("read a partition of the log", "select * from walhook.attempt_default", "permission denied for table attempt_default"),
    ("read the failed deliveries that are kept", "select * from walhook.failed_attempt", ""),
    ("read another's queue", "select * from walhook.pending", ""),
    ("read another's bodies", "select * from walhook.body", ""),
    ("read another's alerts", "select * from walhook.alert", ""),
    ("acknowledge another's alerts", "update walhook.alert set acknowledged_at = now() returning id", ""),
    ("read what another did", "select * from walhook.operation where application is distinct from 'acme'", ""),
    ("read another application", "select * from walhook.application where name <> 'acme'", ""),
    ("read models one may not receive", "select * from walhook.model", ""),
    ("read event types one may not receive", "select * from walhook.event_type", ""),
    ("read secrets", "select * from walhook.endpoint_secret", "permission denied for table endpoint_secret"),
    ("read secrets out of the statistics", "select * from pg_stats where schemaname = 'walhook'", ""),
    ("turn row-level security off for oneself", "set row_security = off; select * from walhook.endpoint", "query would be affected by row-level security policy for table \"endpoint\""),
    (
        "look at rows before the policy does",
        "create function pg_temp.peek(text) returns boolean language plpgsql cost 0.0000001 as
             'begin if $1 = ''victim'' then raise exception ''seen''; end if; return false; end';
         select name from walhook.endpoint where pg_temp.peek(name)",
        "",
    ),
    ("read inbound events", "select * from walhook.inbound_event", "permission denied for table inbound_event"),
    ("read the log of inbound events", "select * from walhook.inbound_log", "permission denied for view inbound_log"),
    ("read tokens of providers", "select * from walhook.inbound_token", "permission denied for table inbound_token"),
    ("read who owns the slot", "select * from walhook.owner", "permission denied for table owner"),
    ("change another's endpoint", "update walhook.endpoint set url = 'https://m.example.com' where name = 'victim' returning name", ""),
    ("delete another's endpoint", "delete from walhook.endpoint where name = 'victim' returning name", ""),
    ("take another's endpoint over", "update walhook.endpoint set application = 'acme' where name = 'victim' returning name", ""),
    ("lock another's endpoint", "select name from walhook.endpoint where name = 'victim' for update", ""),
    ("put an endpoint into another application", "insert into walhook.endpoint (name, application, url) values ('m', 'beta', 'https://m.example.com')", "application: there is no application 'beta'"),
    ("the same with create_endpoint", "select * from walhook.create_endpoint('m', 'https://m.example.com', 'beta')", "application: there is no application 'beta'"),
    ("put an endpoint into default", "select * from walhook.create_endpoint('m', 'https://m.example.com')", "application: there is no application 'default'"),
    ("move an endpoint to another application", "update walhook.endpoint set application = 'beta' where name = 'mine'", "application: there is no application 'beta'"),
    ("learn more than that a name is taken", "select * from walhook.create_endpoint('victim', 'https://m.example.com', 'acme')", "name: another endpoint is called victim"),
    ("take a name by upsert", "insert into walhook.endpoint (name, application, url) values ('victim', 'acme', 'https://m.example.com') on conflict (name) where removed_at is null do update set url = excluded.url", "name: another endpoint is called victim"),
    ("rotate another's secret", "select walhook.rotate_secret('victim')", "endpoint: there is no endpoint 'victim'"),
    ("set another's secret", "select walhook.set_secret('victim', 'known')", "endpoint: there is no endpoint 'victim'"),
    ("have a header sent to another host", "update walhook.endpoint set url = 'https://m.example.com' where name = 'mine'", "headers.X-Key: *** stands for the value that is kept, and none is kept for this host"),
    ("have a password sent to another host", "update walhook.endpoint set url = 'https://m.example.com', headers = null where name = 'mine'", "auth.client_secret: *** stands for the value that is kept, and none is kept for this host"),
    ("have a password sent to another token_url", "update walhook.endpoint set auth = jsonb_set(auth, '{token_url}', '\"https://m.example.com\"') where name = 'mine'", "auth.client_secret: *** stands for the value that is kept, and none is kept for this host"),
    ("have it sent without TLS", "update walhook.endpoint set url = replace(url, 'https:', 'http:') where name = 'mine'", "headers.X-Key: *** stands for the value that is kept, and none is kept for this host"),
    ("read a value back by writing it", "update walhook.endpoint set headers = headers where name = 'mine' and (headers ->> 'X-Key' <> '***' or auth ->> 'client_secret' <> '***') returning headers", ""),
    ("write a template that takes the daemon's memory", "update walhook.endpoint set transform = '{% set x = [0] * 1000000000 %}{{ x ~ \"\" }}' where name = 'mine'", "transform: templates are for walhook_admin to write"),
    ("name files of the daemon's machine", "update walhook.endpoint set tls = '{\"ca_file\": \"/etc/passwd\"}' where name = 'mine'", "tls: files are for walhook_admin to name"),
    ("the same with create_endpoint", "select * from walhook.create_endpoint('m', 'https://m.example.com', 'acme', tls => '{\"ca_file\": \"/etc/passwd\"}')", "tls: files are for walhook_admin to name"),
    ("edit what lives in the file", "update walhook.endpoint set url = 'https://m.example.com' where name = 'filed'", "endpoint filed: its settings live in config.toml"),
    ("delete what lives in the file", "delete from walhook.endpoint where name = 'filed'", "endpoint filed: its settings live in config.toml"),
    ("rotate a secret that lives in the file", "select walhook.rotate_secret('filed')", "endpoint filed: its secrets live in config.toml"),
    ("clear a fault", "update walhook.endpoint set fault = null", "permission denied for table endpoint"),
    ("choose where in the WAL one begins", "update walhook.endpoint set active_from = '0/0'", "permission denied for table endpoint"),
    ("make one's endpoint the file's", "update walhook.endpoint set managed_by = 'config'", "permission denied for table endpoint"),
    ("change the state past the functions", "update walhook.endpoint set state = 'active', disabled_reason = null", "permission denied for table endpoint"),
    ("forge the books", "update walhook.endpoint set consecutive_failures = 0, failing_since = null", "permission denied for table endpoint"),
    ("pretend to be signed", "update walhook.endpoint set signed = false", "permission denied for table endpoint"),
    ("choose an id", "insert into walhook.endpoint (id, name, application, url) values (gen_random_uuid(), 'm', 'acme', 'https://m.example.com')", "permission denied for table endpoint"),
    ("pretend that somebody else made it", "insert into walhook.endpoint (name, application, url, created_by) values ('m', 'acme', 'https://m.example.com', 'postgres')", "permission denied for table endpoint"),
    ("bring a removed endpoint back", "update walhook.endpoint set removed_at = null", "permission denied for table endpoint"),
    ("delete the trace of a removed endpoint", "delete from walhook.endpoint where removed_at is not null returning name", ""),
    ("receive more models", "update walhook.application set models = '{*}'", "permission denied for table application"),
    ("become another tenant of the rows", "update walhook.application set key = '2'", "permission denied for table application"),
    ("hand the application on", "update walhook.application set admin_role = 'public'", "permission denied for table application"),
    ("make an application", "insert into walhook.application (name) values ('m')", "permission denied for table application"),
    ("delete an application", "delete from walhook.application", "permission denied for table application"),
    ("declare a model", "insert into walhook.model (label, relation) values ('a.B', 'orders')", "permission denied for table model"),
    ("widen a model", "update walhook.model set condition = null", "permission denied for table model"),
    ("declare an event type", "insert into walhook.event_type (name, model) values ('a.b', 'store.Order')", "permission denied for table event_type"),
    ("watch a table", "select walhook.watch('orders')", "permission denied for function watch"),
    ("unwatch a table", "select walhook.unwatch('orders')", "permission denied for function unwatch"),
    ("run code as the daemon", "select walhook.on_inbound('s', '*', 'pg_sleep(double precision)')", "permission denied for function on_inbound"),
    (
        "run code as the owner while a condition is judged",
        "create function pg_temp.own(text) returns boolean language plpgsql as 'begin raise exception ''run as %'', current_user; end';
         create domain pg_temp.trap as text check (pg_temp.own(value));
         update walhook.endpoint set condition = '''{x}''::pg_temp.trap[] is null' where name = 'mine'",
        "condition: pg_temp is not supported",
    ),
    ("close a condition early", "update walhook.endpoint set condition = 'true)); drop table orders; select ((true' where name = 'mine'", "condition: a parenthesis is closed that none opened"),
    ("read a table in a condition", "update walhook.endpoint set condition = '(select true)' where name = 'mine'", "condition: select is not supported"),
    ("write the log", "insert into walhook.attempt select * from walhook.attempt", "permission denied for table attempt"),
    ("change the queue", "update walhook.pending set state = 'ready'", "permission denied for table pending"),
    ("empty the queue", "delete from walhook.pending", "permission denied for table pending"),
    ("raise an alert", "insert into walhook.alert (severity, kind, message) values ('info', 'x', 'x')", "permission denied for table alert"),
    ("rewrite an alert", "update walhook.alert set message = 'x'", "permission denied for table alert"),
    ("cover one's tracks", "delete from walhook.operation", "permission denied for table operation"),
    ("pretend to have done something", "select walhook.log_operation('x', 'y')", "permission denied for function log_operation"),
    ("pass for the daemon", "set walhook.daemon_writes = 'on'; update walhook.endpoint set application = 'beta' where name = 'mine'", "application: there is no application 'beta'"),
    ("switch triggers off", "set session_replication_role = replica", "permission denied to set parameter \"session_replication_role\""),
    ("switch a trigger off", "alter table walhook.endpoint disable trigger endpoint_kept", "must be owner of table endpoint"),
    ("add a trigger", "create trigger t after insert on walhook.endpoint execute function suppress_redundant_updates_trigger()", "permission denied for table endpoint"),
    ("drop a policy", "drop policy endpoint_own on walhook.endpoint", "must be owner of relation endpoint"),
    ("add a policy", "create policy all_of_it on walhook.endpoint using (true)", "must be owner of table endpoint"),
    ("end row-level security", "alter table walhook.endpoint disable row level security", "must be owner of table endpoint"),
    ("empty a table", "truncate walhook.endpoint", "permission denied for table endpoint"),
    ("become an admin", "set role walhook_admin", "permission denied to set role \"walhook_admin\""),
    ("become the other tenant", "set role ROLE_beta", "permission denied to set role \"ROLE_beta\""),
    ("become the owner", "set session authorization postgres", "permission denied to set session authorization \"postgres\""),
    ("say that one is an admin", "select set_config('role', 'walhook_admin', false)", "permission denied to set role \"walhook_admin\""),
    ("take a secret in", "select walhook.take_secret(gen_random_uuid(), 'signing', '', 'x', 'x')", "permission denied for function take_secret"),
    ("look an endpoint up", "select walhook.managed_endpoint('victim')", "endpoint: there is no endpoint 'victim'"),
    ("grant oneself more", "select walhook.grant_tenant('ROLE_mallory', true)", "permission denied for function grant_tenant"),
    ("pass a grant on", "grant select on walhook.endpoint to public; select 1 where has_table_privilege('public', 'walhook.endpoint', 'select')", ""),
    ("put a function into the schema", "create function walhook.f() returns void language sql as ''", "permission denied for schema walhook"),
];

#[tokio::test]
async fn an_attacker_among_the_tenants_gets_nothing_of_another() {
    let database = two_tenants().await;
    let before = fingerprint(&database).await;
    let mut failures = Vec::new();
    for (aim, sql, wanted) in ATTEMPTS {
        let [sql, wanted] = [sql, wanted].map(|text| text.replace("ROLE", &database.name));
        // A session for each: settings of one attempt must not help or hinder another.
        let mallory = login(&database, "mallory").await;
        let outcome = attempt(&mallory, &sql).await;
        let told = match &outcome {
            Ok(rows) => rows.join("; "),
            Err(error) => format!("{error:?}"),
        };
        if told.contains("topsecret") || told.contains("beta.example.com") {
            failures.push(format!("{aim}: it leaks: {told}"));
        }
        match outcome {
            Ok(rows) if rows.is_empty() && wanted.is_empty() => println!("{aim}: nothing is found"),
            Err(error) if error.message() == wanted => println!("{aim}: {wanted}"),
            _ => failures.push(format!("{aim}: {told}")),
        }
    }
    println!("{} attempts", ATTEMPTS.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(fingerprint(&database).await, before, "nothing was changed");
}

/// Of everything that is configured, kept or logged.
async fn fingerprint(database: &Database) -> String {
    let tables = [
        "application",
        "endpoint",
        "endpoint_secret",
        "model",
        "event_type",
        "attempt",
        "pending",
        "body",
        "alert",
        "operation",
    ];
    let parts: Vec<String> = tables
        .iter()
        .map(|table| {
            format!("(select string_agg(t::text, '' order by t::text) from walhook.{table} as t)")
        })
        .collect();
    database.query_one(&format!("select md5(concat_ws('/', {}))", parts.join(", ")), &[]).await
}

/// Whatever functions there are: none that a tenant may call does anything to, or tells anything
/// of, an endpoint of somebody else.
#[tokio::test]
async fn no_function_takes_another_ones_endpoint() {
    let database = two_tenants().await;
    let calls = database
        .query(
            include_str!("support/endpoint_functions.sql"),
            &[&format!("{}_mallory", database.name)],
        )
        .await;
    assert!(calls.len() >= 2, "rotate_secret and set_secret at least");
    let before = fingerprint(&database).await;
    let mallory = login(&database, "mallory").await;
    for call in calls {
        let call: String = call.get(0);
        let error = attempt(&mallory, &call).await.expect_err(&call);
        assert_eq!(error.message(), "endpoint: there is no endpoint 'victim'", "{call}");
        println!("{call}: {}", error.message());
    }
    assert_eq!(fingerprint(&database).await, before);
}

/// Whatever tables and views there are.
#[tokio::test]
async fn nothing_that_a_tenant_reads_shows_another() {
    let database = two_tenants().await;
    let name = &database.name;
    let readable = database
        .query(
            "select oid::regclass::text from pg_class
             where  relnamespace = 'walhook'::regnamespace and relkind in ('r', 'p', 'v')
             and    has_table_privilege($1, oid, 'select')",
            &[&format!("{name}_mallory")],
        )
        .await;
    assert!(readable.len() >= 12, "ten tables and two views at least");
    let mallory = login(&database, "mallory").await;
    for relation in readable {
        let relation: String = relation.get(0);
        let rows =
            attempt(&mallory, &format!("select * from {relation}")).await.unwrap().join("\n");
        for word in ["victim", "topsecret", "beta", "store.Order"] {
            assert!(!rows.contains(word), "{relation}: {rows}");
        }
    }
}

#[tokio::test]
async fn who_listens_hears_that_something_changed_and_not_what() {
    let database = two_tenants().await;
    let url = database.url.replace("//postgres@", &format!("//{}_mallory@", database.name));
    let (client, mut connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let listening = tokio::spawn(async move {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            if let Ok(AsyncMessage::Notification(notification)) = message {
                heard.send(notification).unwrap();
            }
        }
    });
    client.batch_execute("listen walhook; listen walhook_alert").await.unwrap();
    database.execute("update walhook.endpoint set timeout = '5s' where name = 'victim'").await;
    let notification = hears.recv().await.unwrap();
    assert_eq!((notification.channel(), notification.payload()), ("walhook", ""));
    listening.abort();
}

#[tokio::test]
async fn a_tenant_manages_what_is_its_own() {
    let database = two_tenants().await;
    let acme = login(&database, "mallory").await;
    for (sql, wanted) in [
        ("select name from walhook.application", &["acme"][..]),
        (
            "select name from walhook.endpoint where removed_at is null order by name",
            &["filed", "mine"],
        ),
        (
            "select headers ->> 'X-Key', auth ->> 'client_secret' from walhook.endpoint where name = 'mine'",
            &["***|***"],
        ),
        (
            "select endpoint_name from walhook.create_endpoint('second', 'https://acme.example.com/2', 'acme')",
            &["second"],
        ),
        (
            "update walhook.endpoint set timeout = '5s', events = '{order.*}' where name = 'second' returning timeout",
            &["00:00:05"],
        ),
        (
            "update walhook.endpoint set url = 'https://acme.example.com/3' where name = 'mine' returning url",
            &["https://acme.example.com/3"],
        ),
        ("select length(walhook.rotate_secret('second'))", &["70"]),
        ("delete from walhook.endpoint where name = 'second' returning name", &["second"]),
        (
            "select name from walhook.endpoint where removed_at is not null and name = 'second'",
            &["second"],
        ),
        (
            "select action from walhook.operation where target = 'second' and action <> 'update endpoint' order by id",
            &["insert endpoint", "rotate_secret", "rotate_secret", "delete endpoint"],
        ),
    ] {
        assert_eq!(attempt(&acme, sql).await.unwrap(), wanted, "{sql}");
    }
    let beta = login(&database, "bob").await;
    for (sql, wanted) in [
        ("select name from walhook.endpoint order by name", &["victim"][..]),
        (
            "select endpoint_name, status from walhook.webhook_log order by status",
            &["victim|pending", "victim|success"],
        ),
        ("select endpoint_name from walhook.webhook_attempt", &["victim"]),
        ("select convert_from(body, 'UTF8') from walhook.body", &["{\"topsecret\": 2}"]),
        ("select label from walhook.model", &["store.Order"]),
        ("select name from walhook.event_type", &["order.large"]),
        ("update walhook.alert set acknowledged_at = now() returning message", &["topsecret"]),
    ] {
        assert_eq!(attempt(&beta, sql).await.unwrap(), wanted, "{sql}");
    }
}

#[tokio::test]
async fn viewers_and_admins_see_every_tenant_and_pay_nothing_for_it() {
    let database = two_tenants().await;
    for role in ["viewer", "admin"] {
        let session = login(&database, role).await;
        let names = attempt(
            &session,
            "select name from walhook.endpoint where removed_at is null order by name",
        )
        .await;
        assert_eq!(names.unwrap(), ["filed", "mine", "victim"], "{role}");
        let plan = attempt(
            &session,
            "explain (costs off) select * from walhook.attempt where event_id = 'x'",
        )
        .await;
        let plan = plan.unwrap().join("\n");
        assert!(!plan.contains("InitPlan") && !plan.contains("SubPlan"), "{role}: {plan}");
    }
}

/// PostgreSQL looks the tenant's endpoints up once, and then reads the log by its index.
#[tokio::test]
async fn a_tenants_log_is_read_by_index() {
    let database = two_tenants().await;
    database.execute(include_str!("support/many_attempts.sql")).await;
    let partition: String = database
        .query_one(
            "select tableoid::regclass::text from walhook.attempt group by 1 order by count(*) desc limit 1",
            &[],
        )
        .await;
    let acme = login(&database, "mallory").await;
    let sql = "explain (costs off) select * from walhook.webhook_log
               where endpoint_name = 'mine' order by created_at desc limit 20";
    let plan = attempt(&acme, sql).await.unwrap().join("\n");
    let partition = partition.trim_start_matches("walhook.");
    assert!(!plan.contains(&format!("Seq Scan on {partition}")), "{plan}");
    assert!(plan.contains(&format!("{partition}_endpoint_id_started_at_idx")), "{plan}");
    let read = "select count(*) from walhook.webhook_log where endpoint_name = 'mine'";
    assert_eq!(attempt(&acme, read).await.unwrap(), ["100"]);
}

#[tokio::test]
async fn rights_come_and_go_with_the_admin_role() {
    let database = two_tenants().await;
    let name = &database.name;
    let may = async |role: &str| -> bool {
        let sql = format!(
            "select has_table_privilege('{name}_{role}', 'walhook.endpoint', 'select')
                and has_table_privilege('{name}_{role}', 'walhook.endpoint', 'delete')
                and has_column_privilege('{name}_{role}', 'walhook.endpoint', 'url', 'update')
                and has_function_privilege('{name}_{role}', 'walhook.rotate_secret(text,interval)', 'execute')
                and has_table_privilege('{name}_{role}', 'walhook.webhook_log', 'select')"
        );
        database.query_one(&sql, &[]).await
    };
    let rights = async |role: &str| -> i64 {
        let sql = format!(
            "select count(*) from pg_class, aclexplode(relacl) as a
             where relnamespace = 'walhook'::regnamespace and a.grantee = '{name}_{role}'::regrole"
        );
        database.query_one(&sql, &[]).await
    };
    assert!(may("acme").await && may("beta").await);
    let set = async |application: &str, role: &str| {
        let sql = format!(
            "update walhook.application set admin_role = {role} where name = '{application}'"
        );
        database.execute(&sql).await;
    };
    set("beta", &format!("'{name}_acme'")).await;
    assert!(may("acme").await && !may("beta").await);
    assert_eq!(rights("beta").await, 0, "all of it is gone");
    set("acme", "null").await;
    assert!(may("acme").await, "it still has beta");
    set("beta", "null").await;
    assert_eq!(rights("acme").await, 0);
    // Nothing of it depends on walhook any more.
    database.execute(&format!("drop role {name}_beta, {name}_acme")).await;
    database.execute(&format!("create role {name}_new; update walhook.application set admin_role = '{name}_new' where name = 'acme'")).await;
    assert!(may("new").await);
    database.execute(&format!("drop owned by {name}_new; drop role {name}_new")).await;
    let acme = login(&database, "mallory").await;
    let error = attempt(&acme, "select * from walhook.endpoint").await.unwrap_err();
    assert_eq!(error.message(), "permission denied for table endpoint");
    let viewer = login(&database, "viewer").await;
    let read = attempt(&viewer, "select name from walhook.application where name = 'acme'").await;
    assert_eq!(read.unwrap(), ["acme"], "a role that is gone troubles nobody");
}

#[tokio::test]
async fn init_gives_tenants_the_functions_and_views_of_a_new_version() {
    let database = two_tenants().await;
    let installation = Installation {
        slot: database.name.clone(),
        publication: "walhook".to_owned(),
        ..Installation::default()
    };
    database
        .execute("drop function walhook.set_secret(text, text); drop view walhook.webhook_log")
        .await;
    let applied = init::install(&dsn(&database), &installation, &mut |_| ()).await.unwrap();
    assert_eq!(applied.left, 0);
    let mallory = login(&database, "mallory").await;
    for sql in ["select * from walhook.webhook_log", "select walhook.set_secret('mine', 'another')"]
    {
        attempt(&mallory, sql).await.unwrap();
    }
}

/// `docs/tenants.md`: what it says to write works, for those of whom it says so.
#[tokio::test]
async fn the_page_about_tenants_works_as_it_stands() {
    let database = installed(Pg::shared()).await;
    let page = include_str!("../docs/tenants.md");
    let blocks: Vec<&str> =
        page.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let [set_up, use_it] = blocks[..] else { panic!("two blocks: {blocks:?}") };
    database.execute(set_up).await;
    let alice = Connected::open(&database.url.replace("//postgres@", "//alice@")).await;
    let told = attempt(&alice, use_it).await.unwrap();
    assert!(told[0].starts_with("acme-crm|whsec_"), "{told:?}");
    let timeout = attempt(&alice, "select timeout from walhook.endpoint").await.unwrap();
    assert_eq!(timeout, ["00:00:10"]);
}
