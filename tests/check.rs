//! `walhook check` against a real server.

mod support;

use std::io::Write;

use support::pg::{Database, Pg};
use walhook::admin::check::{self, Report};
use walhook::admin::{init, installation::installation};
use walhook::config::dsn::Dsn;
use walhook::config::{Config, Environment, Severity};
use walhook::store::schema::Line;

const TABLES: &str = "
    create table orders (id int primary key, status text, updated_by int, profile jsonb);
    create table events (note text);
    alter table events replica identity full;
    create table parts (id int primary key, at int) partition by range (id);
    create table parts_1 partition of parts for values from (0) to (10);";

const MODELS: &str = r#"
[models."store.Order"]
table = "public.orders"
user = { id = "updated_by" }

[models."store.Part"]
table = "public.parts"

[security]
allow_cidrs = ["127.0.0.0/8"]
"#;

fn configured(database: &Database, rest: &str) -> Config {
    configured_at(&database.url, &database.name, rest)
}

fn configured_at(url: &str, slot: &str, rest: &str) -> Config {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    let text = format!(
        "[database]\nurl = \"{url}\"\nslot = \"{slot}\"\ntables = [\"public.events\"]\n{rest}"
    );
    file.write_all(text.as_bytes()).expect("the file is written");
    Config::load(Some(file.path()), &Environment::default()).unwrap_or_else(|e| panic!("{e}"))
}

async fn installed(config: &Config) {
    let dsn = Dsn::parse(config.database.url.expose()).expect("a URL");
    let mut left = Vec::new();
    let mut say = |line: Line| left.extend(line.fix.is_some().then(|| format!("{line:?}")));
    init::install(&dsn, &installation(config), &mut say).await.expect("a session");
    assert_eq!(left, Vec::<String>::new());
}

/// A database in order, and its configuration.
async fn in_order() -> (Database, Config) {
    let database = Pg::shared().database().await;
    database.execute(TABLES).await;
    let config = configured(&database, MODELS);
    installed(&config).await;
    (database, config)
}

/// `object: fix` of each error in the database.
fn errors(report: &Report) -> Vec<String> {
    let errors = report.database.iter().filter(|fault| fault.severity == Severity::Error);
    errors.map(|fault| format!("{}: {}", fault.object, fault.fix.replace('\n', " "))).collect()
}

/// `key: problem` of each error in the configuration.
fn refusals(report: &Report) -> Vec<String> {
    let errors = report.configuration.iter().filter(|fault| fault.severity == Severity::Error);
    errors.map(|fault| format!("{}: {}", fault.key, fault.problem)).collect()
}

#[tokio::test]
async fn a_database_after_init_is_in_order() {
    let (_database, config) = in_order().await;
    let report = check::check(&config).await;
    assert_eq!((errors(&report), refusals(&report)), (vec![], vec![]));
    assert_eq!(report.exit_code(), 0, "warnings are no faults");
    let texts: Vec<&str> = report.database.iter().map(|fault| fault.problem.as_str()).collect();
    assert!(texts.iter().any(|text| text.contains("max_slot_wal_keep_size")), "{texts:?}");
}

/// What may go wrong after init, and the fault that says so.
const HARMS: &[(&str, &str)] = &[
    ("drop publication walhook", "publication walhook: walhook init"),
    (
        "alter publication walhook set (publish = 'insert, update')",
        "publication walhook: alter publication \"walhook\" set (publish = 'insert, update, delete, truncate');",
    ),
    (
        "alter publication walhook drop table orders",
        "table public.orders: alter publication \"walhook\" add table only public.orders;",
    ),
    (
        "alter publication walhook set (publish_via_partition_root = false)",
        "publication walhook: alter publication \"walhook\" set (publish_via_partition_root = true);",
    ),
    (
        "alter publication walhook add table walhook.endpoint",
        "table walhook.endpoint: alter publication \"walhook\" drop table walhook.endpoint;",
    ),
    (
        "alter table orders replica identity default",
        "table public.orders: alter table public.orders replica identity full;",
    ),
    (
        "alter table parts_1 replica identity default",
        "table public.parts_1: alter table public.parts_1 replica identity full;",
    ),
    (
        "alter table events replica identity default",
        "table public.events: alter table public.events replica identity full; or give it a primary key",
    ),
    (
        "alter table parts_1 replica identity nothing",
        "table public.parts_1: alter table public.parts_1 replica identity full; or give it a primary key",
    ),
    ("drop schema walhook cascade", "schema walhook: walhook init"),
    ("delete from walhook.checkpoint", "checkpoint: walhook init"),
    (
        "update walhook.checkpoint set system_identifier = '1'",
        "checkpoint: walhook init, if that is how it should be",
    ),
    (
        "update walhook.checkpoint set confirmed_lsn = '0/1'",
        "checkpoint: walhook init, if that is how it should be",
    ),
    ("insert into walhook.migration values (99)", "schema walhook: run the newer walhook"),
];

/// What init does not mend, since somebody may have meant it.
const MEND: &str = "
    alter table events replica identity full;
    do $$ begin
        if to_regclass('walhook.migration') is not null then
            delete from walhook.migration where version = 99;
        end if;
        if exists (select from pg_publication where pubname = 'walhook') then
            alter publication walhook set (publish = 'insert, update, delete, truncate');
        end if;
        if exists (select from pg_publication_tables where schemaname = 'walhook') then
            alter publication walhook drop table walhook.endpoint;
        end if;
    end $$";

#[tokio::test]
async fn each_fault_is_found_with_its_fix() {
    let (database, config) = in_order().await;
    for (harm, wanted) in HARMS {
        database.execute(harm).await;
        let report = check::check(&config).await;
        assert_eq!(errors(&report), [*wanted], "after {harm}");
        assert_eq!((report.exit_code(), refusals(&report)), (1, vec![]), "after {harm}");
        database.execute(MEND).await;
        installed(&config).await;
    }
}

#[tokio::test]
async fn all_faults_are_reported_at_once() {
    let (database, config) = in_order().await;
    let slot = &database.name;
    database
        .execute(&format!(
            "alter publication walhook drop table orders;
             alter publication walhook set (publish = 'insert');
             alter publication walhook add table walhook.endpoint;
             alter table events replica identity nothing;
             alter table parts replica identity default;
             delete from walhook.checkpoint;
             select pg_drop_replication_slot('{slot}');"
        ))
        .await;
    let found = errors(&check::check(&config).await);
    let slot = format!("slot {slot}");
    let wanted = [
        "publication walhook",
        "table walhook.endpoint",
        "table public.events",
        "table public.orders",
        "table public.parts",
        &slot,
    ];
    let objects: Vec<&str> = found.iter().filter_map(|f| Some(f.split_once(": ")?.0)).collect();
    assert_eq!(objects, wanted, "{found:#?}");
}

#[tokio::test]
async fn a_slot_of_somebody_else_is_refused() {
    let (database, config) = in_order().await;
    let slot = &database.name;
    let other = Pg::shared().database().await;
    database.execute(&format!("select pg_drop_replication_slot('{slot}')")).await;
    let make = |plugin| format!("select pg_create_logical_replication_slot('{slot}', '{plugin}')");
    other.execute(&make("pgoutput")).await;
    let problem = |report: Report| report.database.last().map(|fault| fault.problem.clone());
    let belongs = format!("belongs to the database {}", other.name);
    let found = check::check(&config).await;
    assert!(found.database.iter().any(|fault| fault.problem == belongs), "{:?}", problem(found));
}

#[tokio::test]
async fn a_publication_younger_than_the_slot_is_found_out() {
    let database = Pg::shared().database().await;
    database.execute(TABLES).await;
    let slot = &database.name;
    database
        .execute(&format!("select pg_create_logical_replication_slot('{slot}', 'pgoutput')"))
        .await;
    database.execute("insert into orders values (1)").await;
    database.execute("create publication walhook for table orders, parts, events").await;
    let config = configured(&database, MODELS);
    let report = check::check(&config).await;
    let is_found = |report: &Report| {
        report.database.iter().any(|fault| fault.problem.contains("older than the publication"))
    };
    // PostgreSQL 18 and newer skip what they cannot find.
    let version: i32 =
        database.query_one("select current_setting('server_version_num')::int", &[]).await;
    assert_eq!(is_found(&report), version < 180_000, "{:#?}", report.database);
    database
        .execute(&format!("select pg_replication_slot_advance('{slot}', pg_current_wal_lsn())"))
        .await;
    assert!(!is_found(&check::check(&config).await), "the fix fixes it");
}

#[tokio::test]
async fn faults_of_the_configuration_name_its_lines() {
    let (database, _) = in_order().await;
    database.execute("alter table orders add api_token text").await;
    let rest = r#"
[models."store.Order"]
table = "public.orders"
user = { id = "changed_by" }

[models."store.Gone"]
table = "public.gone"

[models."store.Leaf"]
table = "public.parts_1"

[[endpoints]]
name = "crm"
url = "https://10.0.0.1/hooks"
events = ["*"]
include_models = ["shop.*", "store.*"]
exclude_fields = { "store.Order" = ["status", "stratus"], "*" = ["password"] }
redact_fields = { "store.Order" = { "profile.email" = "***", "status.x" = "***" }, "store.Oder" = { id = "x" } }
auth = { type = "oauth2", client_id = "x", client_secret = "s3cret", token_url = "https://[fd00::1]/s3cret" }

[alerts]
url = "https://192.168.1.1/s3cret"
"#;
    let report = check::check(&configured(&database, rest)).await;
    assert_eq!(report.exit_code(), 2);
    let found = refusals(&report);
    assert_eq!(
        found,
        [
            "endpoints[0].url: may not be called: 10.0.0.1 is private",
            "endpoints[0].auth.token_url: may not be called: fd00::1 is private",
            "alerts.url: may not be called: 192.168.1.1 is private",
            "models.\"store.Gone\".table: public.gone does not exist",
            "models.\"store.Leaf\".table: public.parts_1 is a partition of public.parts, whose model its changes belong to",
            "endpoints[0].redact_fields.\"store.Oder\": no model or captured table is called store.Oder",
            "endpoints[0].exclude_fields.\"store.Order\"[1]: the table public.orders has no column stratus, nor a json column that it could be a path into",
            "endpoints[0].redact_fields.\"store.Order\".\"status.x\": the table public.orders has no column status.x, nor a json column that it could be a path into",
            "models.\"store.Order\".user.id: the table public.orders has no column changed_by",
        ]
    );
    let text = report.configuration.iter().map(ToString::to_string).collect::<String>();
    assert!(
        text.contains("did you mean \"status\"?") && text.contains("did you mean \"store.Order\"?")
    );
    assert!(!text.contains("s3cret"), "{text}");
    assert!(text.contains("`shop.*` matches no model"), "{text}");
    assert!(text.contains("no captured table has a column password"), "{text}");
    assert!(text.contains("endpoint crm would get api_token of store.Order"), "{text}");
}

const SOURCES: &str = r#"
[inbound.sources.stripe]
preset = "stripe"
secrets = ["whsec_test"]

[inbound.sources.stripe.into]
table = "public.charges"
conflict = ["id"]

[inbound.sources.stripe.into.columns]
id = "data.object.id"
"Odd.Name" = "data.object.name"
amount = { sql = "(payload #>> '{data,object,amount}')::numeric / 100" }
"#;

#[tokio::test]
async fn a_mapping_that_does_not_fit_its_table_is_a_fault_at_its_line() {
    let (database, _) = in_order().await;
    let config = configured(&database, &format!("{MODELS}{SOURCES}"));
    let faults = async || {
        let report = check::check(&config).await;
        let errors: Vec<_> =
            report.configuration.into_iter().filter(|f| f.severity == Severity::Error).collect();
        let lines = errors.iter().map(|fault| match &fault.place {
            walhook::config::Place::Line(line) => line.text.trim().to_owned(),
            place => format!("{place:?}"),
        });
        let told = errors.iter().map(|f| format!("{}: {}; {}", f.key, f.problem, f.fix));
        lines.zip(told).collect::<Vec<_>>()
    };
    let into = "inbound.sources.stripe.into";
    let told =
        |line: &str, key: &str, text: &str| (line.to_owned(), format!("{into}.{key}: {text}"));
    assert_eq!(
        faults().await,
        [told(
            "table = \"public.charges\"",
            "table",
            "the table public.charges does not exist; create it, or correct its name"
        )]
    );
    database.execute("create table charges (id text, amount numeric, must int not null)").await;
    assert_eq!(
        faults().await,
        [told(
            "\"Odd.Name\" = \"data.object.name\"",
            "columns.\"Odd.Name\"",
            "the table public.charges has no column \"Odd.Name\"; add it, or correct its name"
        )]
    );
    database.execute("alter table charges add \"Odd.Name\" text").await;
    let conflict = "alter table public.charges add unique (id);";
    assert_eq!(
        faults().await,
        [
            told(
                "[inbound.sources.stripe.into.columns]",
                "columns",
                "the column must of public.charges takes no null, has no default, and gets no \
                 value; give must a value, or a default"
            ),
            told(
                "conflict = [\"id\"]",
                "conflict",
                &format!(
                    "no unique constraint or index of public.charges is over exactly id; {conflict}"
                )
            ),
        ]
    );
    database.execute(&format!("{conflict} alter table charges drop must")).await;
    assert_eq!(faults().await, []);
}

#[tokio::test]
async fn handlers_that_cannot_run_and_sources_that_nobody_configured_are_found() {
    let (database, _) = in_order().await;
    database
        .execute(
            "create table charges (id text unique, amount numeric, \"Odd.Name\" text);
             create function good(walhook.inbound_event) returns void language sql as '';
             create function gone(walhook.inbound_event) returns void language sql as '';
             create function taken(walhook.inbound_event) returns void language sql as '';
             select walhook.on_inbound('stripe', 'it''s', 'good(walhook.inbound_event)');
             select walhook.on_inbound('stripe', '*', 'gone(walhook.inbound_event)');
             select walhook.on_inbound('stripe', '*', 'taken(walhook.inbound_event)');
             select walhook.on_inbound('strip', '*', 'good(walhook.inbound_event)');
             drop function gone",
        )
        .await;
    let role = format!("{}_other", database.name);
    database.execute(&format!("create role {role}; alter function taken owner to {role}")).await;
    let report = check::check(&configured(&database, &format!("{MODELS}{SOURCES}"))).await;
    let argument = "walhook.inbound_event";
    let off = format!("select walhook.off_inbound('stripe', '*', 'public.gone({argument})');");
    let on = format!("select walhook.on_inbound('stripe', '*', 'public.taken({argument})');");
    assert_eq!(
        errors(&report),
        [
            format!("handler public.gone({argument}) of stripe: create it again, or {off}"),
            format!("handler public.taken({argument}) of stripe: {on}"),
        ]
    );
    let stray = report.database.iter().find(|fault| fault.problem == "no source is called strip");
    let stray = stray.expect("it is mentioned");
    assert_eq!(stray.severity, Severity::Warning);
    for sql in [&off, &on, stray.fix.split_once("or ").expect("two ways").1] {
        database.execute(sql).await;
    }
    let report = check::check(&configured(&database, &format!("{MODELS}{SOURCES}"))).await;
    assert_eq!((errors(&report), report.exit_code()), (vec![], 0), "the fixes fix it");
}

#[tokio::test]
async fn a_published_table_that_nobody_named_is_mentioned() {
    let (database, config) = in_order().await;
    database.execute("create table stray (id int primary key)").await;
    database.execute("alter publication walhook add table stray").await;
    let report = check::check(&config).await;
    let stray = report.database.iter().find(|fault| fault.object == "table public.stray");
    let stray = stray.expect("it is mentioned");
    assert_eq!(stray.severity, Severity::Warning);
    assert_eq!(stray.fix, "alter publication \"walhook\" drop table public.stray;");
    database.execute(&stray.fix).await;
}

#[tokio::test]
async fn a_role_that_may_not_write_the_log_is_told_whose_it_is() {
    let (database, config) = in_order().await;
    let clerk = format!("clerk_{}", database.name);
    database.execute(&format!("create role {clerk} login replication")).await;
    let url = database.url.replace("//postgres@", &format!("//{clerk}@"));
    let found = errors(&check::check(&configured_at(&url, &config.database.slot, MODELS)).await);
    let wanted = "schema walhook: let database.url name postgres, or a member of it";
    assert_eq!(found, [wanted]);
}

#[tokio::test]
async fn certificates_that_are_none_are_faults_of_the_configuration() {
    let (database, _) = in_order().await;
    let no_certificate = tempfile::NamedTempFile::new().expect("a file");
    let rest = format!(
        "{MODELS}\n[[endpoints]]\nname = \"crm\"\nurl = \"https://127.0.0.1/\"\n\
         tls = {{ ca_file = \"{}\" }}",
        no_certificate.path().display()
    );
    let found = refusals(&check::check(&configured(&database, &rest)).await);
    assert!(found.iter().any(|found| found.starts_with("endpoints[0].tls: ")), "{found:#?}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_one_fault() {
    let config = configured_at("postgres://nobody@127.0.0.1:1/nothing", "walhook", MODELS);
    let report = check::check(&config).await;
    assert_eq!((report.exit_code(), report.database.len()), (1, 1), "{report:?}");
}

#[tokio::test]
async fn check_changes_nothing() {
    let (database, config) = in_order().await;
    database.execute("drop publication walhook; insert into orders values (1)").await;
    let everything = "
        select jsonb_build_object(
            'objects', (select jsonb_agg(concat(relname, relfilenode, relreplident) order by oid) from pg_class),
            'publications', (select jsonb_agg(p.* order by oid) from pg_publication as p),
            'slots', (select jsonb_agg(confirmed_flush_lsn order by slot_name) from pg_replication_slots where database = current_database()),
            'checkpoints', (select jsonb_agg(c.*) from walhook.checkpoint as c),
            'roles', (select count(*) from pg_roles where rolname like 'walhook%'))::text";
    let before: String = database.query_one(everything, &[]).await;
    check::check(&config).await;
    let after: String = database.query_one(everything, &[]).await;
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_server_that_cannot_decode_is_told_how_to_be_one() {
    let pg = Pg::start_with(&[
        ("wal_level", "replica"),
        ("max_replication_slots", "0"),
        ("max_wal_senders", "0"),
    ]);
    let database = pg.database().await;
    database.execute(TABLES).await;
    database.execute("create role clerk login").await;
    let url = database.url.replace("//postgres@", "//clerk@");
    let found = errors(&check::check(&configured_at(&url, "walhook", MODELS)).await);
    for wanted in [
        "server: alter system set wal_level = 'logical'; then restart PostgreSQL",
        "server: alter system set max_replication_slots = 5; then restart PostgreSQL",
        "server: alter system set max_wal_senders = 5; then restart PostgreSQL",
        "role clerk: alter role clerk replication;",
        &format!("role clerk: grant create on database {} to clerk;", database.name),
        "schema walhook: walhook init",
        "slot walhook: walhook init",
    ] {
        assert!(found.iter().any(|found| found == wanted), "{wanted} is missing in {found:#?}");
    }
}
