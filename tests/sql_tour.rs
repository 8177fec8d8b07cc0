//! `docs/sql.md`: its blocks, pasted into psql one after the other against a running daemon, print
//! what the page shows and do what it promises.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use serde_json::json;
use support::daemon::Site;
use support::hooks::{Hook, Hooks, Reply};
use support::pg::{Database, Pg};
use walhook::demo::cluster::Binaries;
use walhook::secret::Secret;
use walhook::sign::{Scheme, Verifier};

const PAGE: &str = include_str!("../docs/sql.md");

/// Where the page's receiver is.
const HOST: &str = "https://example.com";

/// What psql says of a URL of this test.
const HTTP_NOTICE: &str = "NOTICE:  url: http is refused by the daemon unless [security] allow_http is on\n\
     HINT:  Take https.\n";

/// A block of SQL and what the page shows below it.
struct Step {
    heading: &'static str,
    sql: &'static str,
    shown: &'static str,
}

/// The steps of the tour, in order.
fn steps() -> Vec<Step> {
    let (tour, _) = PAGE.split_once("\n## Functions\n").unwrap();
    let mut steps: Vec<Step> = Vec::new();
    for section in tour.split("\n### ").skip(1) {
        let heading = section.lines().next().unwrap();
        for fenced in section.split("\n```").skip(1).step_by(2) {
            let (language, text) = fenced.split_once('\n').unwrap_or((fenced, ""));
            match (language, steps.last_mut()) {
                ("sql", _) => steps.push(Step { heading, sql: text, shown: "" }),
                ("text", Some(step)) => step.shown = text,
                other => panic!("{heading}: a block of {:?}", other.0),
            }
        }
    }
    steps
}

/// Someone who pastes.
struct Reader {
    database: Database,
    /// What stands for the page's host here.
    host: String,
    steps: std::vec::IntoIter<Step>,
}

impl Reader {
    /// Pastes the next block, which is under a heading that has these words, and compares.
    /// Returns what psql printed.
    #[track_caller]
    fn pastes(&mut self, words: &str) -> String {
        let step = self.steps.next().unwrap_or_else(|| panic!("{words}: the page has no more"));
        assert!(step.heading.contains(words), "{:?} comes before {words:?}", step.heading);
        let printed = psql(&self.database.url, &step.sql.replace(HOST, &self.host));
        let printed = printed.replace(&self.host, HOST);
        // What this test's plain http causes, and the page's https does not.
        let printed = printed.replace(HTTP_NOTICE, "");
        assert_eq!(masked(&printed), masked(step.shown), "{}:\n{printed}", step.heading);
        printed
    }

    async fn sees(&self, condition: &str) {
        self.database.becomes_true(condition).await;
    }

    /// Waits until this many deliveries to `crm` have ended so, and none is on its way.
    async fn sees_ended(&self, success: i64, failed: i64, cancelled: i64) {
        self.sees(&format!(
            "select array[count(*) filter (where status = 'success'),
                          count(*) filter (where status = 'failed'),
                          count(*) filter (where status = 'cancelled'), count(*)]
                    = '{{{success},{failed},{cancelled},{}}}'
             from   walhook.webhook_log
             where  endpoint_name = 'crm'",
            success + failed + cancelled
        ))
        .await;
    }
}

/// What psql prints, notices included.
fn psql(url: &str, script: &str) -> String {
    let program = Binaries::find().unwrap().program("psql");
    // Packages may keep the client apart from the server.
    let program = if program.is_file() { program } else { "psql".into() };
    let mut psql = Command::new("sh")
        .args(["-c", "exec \"$0\" -X -v ON_ERROR_STOP=1 -P pager=off -d \"$1\" 2>&1"])
        .arg(program)
        .arg(url)
        .env("PGTZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    psql.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = psql.wait_with_output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{script}\n{printed}");
    printed
}

/// Words of a transcript, without those that differ from run to run, nor widths of columns.
fn masked(printed: &str) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().map(mask).collect::<Vec<_>>().join(" ");
    printed.lines().map(words).filter(|line| !line.is_empty()).collect()
}

fn mask(word: &str) -> &str {
    let has = |mark: char, count: usize| word.matches(mark).count() == count;
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let is_number = word.chars().all(|c| c.is_ascii_digit() || "-:.+".contains(c));
    match word {
        _ if word.starts_with("evt_") && word.len() == 30 => "EVENT",
        _ if word.starts_with("whsec_") => "SECRET",
        _ if is_number && has('-', 2) && digits == 8 => "DATE",
        _ if is_number && has(':', 2) => "TIME",
        _ if is_number && word.split_once('.').is_some_and(|(_, rest)| rest.len() > 2) => "NUMBER",
        _ if word.len() > 2 && word.trim_matches(['-', '+']).is_empty() => "---",
        _ => word,
    }
}

/// The shape of the tour's receiver: one path works.
fn answer(hook: &Hook) -> Reply {
    Reply::Status(if ["/hooks", "/acme"].contains(&hook.path()) { 200 } else { 404 })
}

#[tokio::test]
async fn the_tour_does_what_it_shows() {
    let hooks = Hooks::start(answer).await;
    let database = Pg::shared().database().await;
    let daemon = Site::new(&database, &[], "").up().await;
    let mut reader = Reader { database, host: hooks.url(""), steps: steps().into_iter() };

    reader.pastes("1. Watch");
    let shown = reader.pastes("2. Make an endpoint");
    let secret = shown.split_whitespace().find(|word| word.starts_with("whsec_")).unwrap();
    reader.pastes("3. Change a row");
    let order = hooks.arrived(1).await.remove(0);
    assert_eq!((order.event_type(), &order.object()["total"]), ("order.created", &json!("99.90")));
    let verifier = Verifier::new(Scheme::Standard, &[Secret::new(secret)]).unwrap();
    let header = |name: &str| Some(order.header(name)).filter(|value| !value.is_empty());
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64;
    verifier.verify(header, order.body(), now).unwrap();
    reader.sees_ended(1, 0, 0).await;
    reader.pastes("4. See what became");
    reader.pastes("5. See each attempt");
    reader.pastes("6. Update");
    let update = hooks.arrived(2).await.remove(1);
    assert_eq!(update.json()["changes"], json!({"status": {"old": "new", "new": "paid"}}));
    assert_eq!(update.json()["user"]["username"], "ann");
    reader.sees_ended(2, 0, 0).await;
    reader.pastes("7. See what changed");
    reader.pastes("8. Send an event");
    let emitted = hooks.arrived(3).await.remove(2);
    assert_eq!((emitted.event_type(), &emitted.object()["account"]), ("mfa.failed", &json!(7)));
    reader.pastes("9. Hide fields");
    let hidden = hooks.arrived(4).await.remove(3).object();
    assert_eq!((hidden.get("card"), &hidden["email"]), (None, &json!("***@***")));
    reader.sees_ended(4, 0, 0).await;
    reader.pastes("9. Hide fields");

    reader.pastes("10. Break");
    let failed = hooks.arrived_at("/hoks", 1).await.remove(0);
    reader.sees_ended(4, 1, 0).await;
    reader.sees("select count(*) = 1 from walhook.alert").await;
    reader.pastes("11. Understand");
    reader.pastes("12. Pause");
    daemon.says("endpoint changed state").await;
    reader.pastes("12. Pause");
    reader.sees("select count(*) = 2 from walhook.pending").await;
    reader.pastes("12. Pause");
    reader.pastes("13. Cancel");
    reader.sees("select count(*) = 1 from walhook.webhook_log where status = 'cancelled'").await;
    assert_eq!(hooks.len(), 5, "what is held is not sent");
    reader.pastes("14. Mend");
    let held = hooks.arrived_at("/hooks", 5).await.remove(4);
    assert_eq!(held.json()["changes"]["status"]["new"], "shipped");
    reader.sees_ended(5, 1, 1).await;
    reader.pastes("15. Recover");
    assert_eq!(hooks.len(), 6, "a rehearsal sends nothing");
    reader.pastes("15. Recover");
    let recovered = hooks.arrived_at("/hooks", 6).await.remove(5);
    assert_eq!((recovered.event_id(), recovered.body()), (failed.event_id(), failed.body()));
    reader.sees_ended(6, 0, 1).await;
    reader.pastes("16. Send one event again");
    let again = hooks.arrived_at("/hooks", 7).await.remove(6);
    assert_eq!(again.event_id(), emitted.event_id());
    reader.sees_ended(6, 0, 1).await;
    reader.pastes("17. Send a test");
    let test = hooks.arrived_at("/hooks", 8).await.remove(7);
    assert_eq!(test.event_type(), "webhook.test");
    reader.sees_ended(7, 0, 1).await;
    reader.sees("select lag_seconds = 0 from walhook.replication_health").await;
    reader.pastes("18. See how the whole");
    reader.pastes("19. Let others");
    reader.pastes("20. Leave nothing");
    reader.database.execute("insert into orders (total) values (1)").await;
    assert!(reader.steps.next().is_none(), "every block is run");
    daemon.stop().await;
    assert_eq!(hooks.len(), 9);
}

/// Calls and who may make them, as the page's table has them.
fn listed() -> Vec<(String, String)> {
    let (_, table) = PAGE.split_once("\n| call |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let rows = table.lines().skip(2).map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        (cells[0].trim_matches('`').to_owned(), cells[2].to_owned())
    });
    rows.collect()
}

#[tokio::test]
async fn the_table_of_functions_has_every_one_that_may_be_called_and_by_whom() {
    let database = support::inbound::installed(Pg::shared()).await;
    database
        .execute(
            "create role tenant; select walhook.grant_tenant('tenant', true); create role nobody",
        )
        .await;
    let rows = database.query(include_str!("support/callable.sql"), &[]).await;
    let callable: Vec<(String, String)> =
        rows.iter().map(|row| (row.get("call"), row.get("callers"))).collect();
    let mut listed = listed();
    for (call, _) in &mut listed {
        // The page shows the beginning of a long list.
        if let Some(beginning) = call.strip_suffix(", …)") {
            let whole = callable.iter().find(|(whole, _)| whole.starts_with(beginning));
            *call = whole.unwrap_or_else(|| panic!("no {call}")).0.clone();
        }
    }
    listed.sort();
    assert_eq!(listed, callable);
}
