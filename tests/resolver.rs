//! A resolver that is out of order is nobody's fault. Plays in a mount namespace of its own, whose
//! `/etc/resolv.conf` names a server that does not listen.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use support::daemon::{Site, endpoint};
use support::hooks::{Hooks, Reply};
use support::pg::{Database, Pg};
use support::receiver::answer;
use tempfile::TempDir;
use tokio::process::Command;

/// A world in which no name server answers and `/etc/hosts` is the test's.
struct World {
    files: TempDir,
    script: String,
}

impl World {
    /// `None` where the system lets nobody make one. With `dns` a name server is asked for what is
    /// not in the file.
    async fn new(dns: bool) -> Option<Self> {
        let files = TempDir::new().unwrap();
        let path = |name| files.path().join(name);
        std::fs::write(path("resolv.conf"), "nameserver 127.0.0.1\noptions attempts:1\n").unwrap();
        std::fs::write(path("hosts"), "127.0.0.1 known.example\n").unwrap();
        let sources = if dns { "files dns" } else { "files" };
        std::fs::write(path("nsswitch.conf"), format!("hosts: {sources}\n")).unwrap();
        let bind = |name: &str| {
            format!("mount --bind '{}' /etc/{name}", files.path().join(name).display())
        };
        let mounts = ["hosts", "resolv.conf", "nsswitch.conf"].map(bind).join(" && ");
        let script = format!("{mounts} && exec \"$0\" \"$@\"");
        let world = Self { files, script };
        let [program, arguments @ ..] = world.words();
        let tried = Command::new(program).args(arguments).arg("true").status().await;
        tried.is_ok_and(|status| status.success()).then_some(world)
    }

    fn words(&self) -> [&str; 5] {
        ["unshare", "-rm", "sh", "-c", &self.script]
    }

    /// From now on the name is known.
    fn know(&self, name: &str) {
        let hosts: &Path = &self.files.path().join("hosts");
        let text = std::fs::read_to_string(hosts).unwrap();
        // In place: a new file would not be the one that is mounted.
        std::fs::write(hosts, format!("{text}127.0.0.1 {name}\n")).unwrap();
    }
}

async fn items() -> Database {
    let database = Pg::shared().database().await;
    database.execute("create table items (id int primary key, note text)").await;
    database
}

/// Would be disabled by the first failure, and gives a delivery one attempt.
const STRICT: &str = "retry = { schedule = [], jitter = 0.0 }\nfailure_rest = [\"100ms\"]\n\
                      disable_after = 1\ndisable_min_duration = \"0s\"\nalert_after = [1]";

#[tokio::test]
async fn an_outage_costs_no_retry_and_no_endpoint_and_ends_by_itself() {
    let Some(world) = World::new(true).await else { return };
    let database = items().await;
    let hooks = Hooks::start(|hook| match hook.path() {
        "/token" => {
            Reply::Bytes(answer("200 OK", &[], r#"{"access_token":"a","token_type":"bearer"}"#))
        }
        _ => Reply::Status(200),
    })
    .await;
    let at = |name: &str, path: &str| hooks.url(path).replace("127.0.0.1", name);
    let auth = format!(
        "auth = {{ type = \"oauth2\", client_id = \"x\", client_secret = \"${{SECRET}}\", \
         token_url = {:?} }}\n",
        at("login.example", "/token")
    );
    let config = endpoint("known", &at("known.example", "/known"), STRICT)
        + &endpoint("unknown", &at("unknown.example", "/unknown"), STRICT)
        + &endpoint("authorized", &at("known.example", "/authorized"), &(auth + STRICT));
    let site = Site::new(&database, &["public.items"], &config)
        .with_variable("SECRET", "x")
        .within(&world.words());
    let daemon = site.up().await;
    database.execute("insert into items values (1, 'x')").await;
    hooks.arrived_at("/known", 1).await;
    for name in ["unknown", "authorized"] {
        let tried = format!(
            "select max(attempt) > 3 from walhook.webhook_attempt where endpoint_name = '{name}'"
        );
        database.becomes_true(&tried).await;
        let class = if name == "unknown" { "dns" } else { "auth" };
        let charged: String = database
            .query_one(
                "select string_agg(distinct a.error_class, ', ') || ' ' || max(p.charged) || ' ' \
                     || max(e.consecutive_failures) || ' ' || max(e.state) \
                 from walhook.endpoint as e \
                 join walhook.attempt as a on a.endpoint_id = e.id \
                 join walhook.pending as p on p.endpoint_id = e.id \
                 where e.name = $1",
                &[&name],
            )
            .await;
        assert_eq!(charged, format!("{class} 0 0 active"), "{name}");
        assert_eq!(database.statuses(name).await, "retrying 1");
    }
    daemon.says("names do not resolve; endpoints are not charged for it").await;
    world.know("unknown.example");
    world.know("login.example");
    hooks.arrived_at("/unknown", 1).await;
    hooks.arrived_at("/authorized", 1).await;
    for name in ["known", "unknown", "authorized"] {
        let done = format!(
            "select status = 'success' from walhook.webhook_log where endpoint_name = '{name}'"
        );
        database.becomes_true(&done).await;
    }
    let alerts: i64 = database.query_one("select count(*) from walhook.alert", &[]).await;
    assert_eq!(alerts, 0);
    daemon.stop().await;
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_the_endpoints_fault() {
    let Some(world) = World::new(false).await else { return };
    let database = items().await;
    let config = endpoint("never", "http://walhook.invalid/", STRICT)
        + &endpoint("gone", "http://gone.example/", STRICT);
    let site = Site::new(&database, &["public.items"], &config).within(&world.words());
    let daemon = site.up().await;
    database.execute("insert into items values (1, 'x')").await;
    for name in ["never", "gone"] {
        let charged = format!(
            "select state = 'disabled' and consecutive_failures = 1 from walhook.endpoint \
             where name = '{name}'"
        );
        database.becomes_true(&charged).await;
        let failed = format!(
            "select count(*) = 1 from walhook.webhook_log \
             where endpoint_name = '{name}' and status = 'failed'"
        );
        database.becomes_true(&failed).await;
        let sql = "select error_class || ' ' || error_message from walhook.webhook_attempt \
                   where endpoint_name = $1";
        let said: String = database.query_one(sql, &[&name]).await;
        assert!(said.starts_with("dns could not resolve "), "{said}");
        assert!(said.contains(": the name does not exist ("), "{said}");
    }
    daemon.stop().await;
}
