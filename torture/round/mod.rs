//! One round of torture: a PostgreSQL of its own, an application, receivers, one or two daemons;
//! faults drawn from a seed; then peace, and the proof that every promise was kept.

mod blows;
mod crew;
mod dice;
mod disk;
mod facts;
mod history;
mod inbox;
mod plan;
mod proof;
mod reign;
mod report;
mod shop;

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio_postgres::Client;
use walhook::shutdown::{self, Shutdown};

use crate::support::clocks::Clocks;
use crate::support::daemon::{Site, endpoint};
use crate::support::pg::Pg;
use crate::support::proxy::Proxy;
use blows::Machine;
use crew::{Crew, Who};
use dice::Dice;
use disk::Disk;
use history::History;
use inbox::{Inbox, Mood};
use plan::{Character, Deed, ENDPOINTS};
use proof::Proof;
pub use report::Report;
use shop::{Shop, connect};

const DATABASE: &str = "torture";

/// In peace nothing may stand still for so long before everything is delivered.
const PATIENCE: Duration = Duration::from_secs(90);

/// More memory than this is a leak. The budget is smaller; a build for debugging takes more.
const MOST_MB: u64 = 128;

/// What the server is set to: impatient with silent peers, so that a round sees that too.
const SETTINGS: [(&str, &str); 6] = [
    ("track_commit_timestamp", "on"),
    ("wal_sender_timeout", "4s"),
    ("checkpoint_timeout", "30s"),
    ("max_wal_size", "128MB"),
    ("log_lock_waits", "on"),
    ("log_min_duration_statement", "2s"),
];

/// How a round is to be.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where all chance comes from.
    pub seed: u64,
    /// How long faults go on.
    pub time: Duration,
    /// Whether what happens is printed as it happens.
    pub is_told: bool,
    /// Where logs are kept.
    pub logs: PathBuf,
}

/// Runs a round.
pub async fn run(settings: &Settings) -> Report {
    let logs = settings.logs.join(settings.seed.to_string());
    std::fs::create_dir_all(&logs).expect("a directory for the logs");
    let dice = Dice::new(settings.seed);
    let character = Character::of(&dice);
    let clocks = if character.has_clocks { Clocks::find() } else { None };
    let environment = clocks.as_ref().map(Clocks::for_server).unwrap_or_default();
    let pg = Pg::start_in(&SETTINGS, environment);
    let port = pg.cluster().port();
    let data = pg.cluster().data_dir();
    let history = History::new(settings.is_told);
    let inbox = Inbox::open(&ENDPOINTS.map(|endpoint| endpoint.name), &dice).await;
    let inbox = inbox.expect("a port for the receivers");
    let proxy = Proxy::open(port).await.expect("a port for the proxy");
    let url = prepare(&pg, &character).await.expect("a database");
    let (first, second) = sites(&url, (&proxy, clocks.as_ref()), &inbox, &character);
    first.init().await;
    let disk = Disk::prepare(&url, &data).await.expect("a disk for the log");
    let skipped = skipped(&character, clocks.as_ref(), &disk);
    let has_clocks = clocks.is_some();
    let crew = Crew::new(first, second, logs.clone());
    let (pg_ref, history_ref, url_of) = (&pg, &history, url.clone());
    let mut machine = Machine {
        crew,
        pg: pg_ref,
        proxy: &proxy,
        disk,
        clocks,
        url: url_of,
        history: history_ref,
    };
    let roster = machine.crew.roster();
    let (rolled_back, drained) = tokio::select! {
        () = reign::watch(&url, &roster, &history) => unreachable!("it looks until it is dropped"),
        both = async {
            let rolled_back = trouble(settings, (&dice, &character), &mut machine, &inbox).await;
            make_peace(&mut machine, &inbox).await;
            (rolled_back, drain(&mut machine, &inbox).await)
        } => both,
    };
    let proof = Proof::gather(&url, &inbox, has_clocks).await.expect("the database tells");
    machine.crew.stop(Who::First, &history).await;
    drop(machine);
    let _ = std::fs::copy(pg.cluster().log_file(), logs.join("postgres.log"));
    let mut past = history.into_past();
    if past.most_mb > MOST_MB {
        past.violations.push(format!("a daemon had {} MB", past.most_mb));
    }
    let findings = proof.examine(&mut past);
    let forgeries = proof.try_forgeries(&past).unwrap_or_else(|unseen| {
        past.violations.push(unseen);
        Vec::new()
    });
    let Settings { seed, time, .. } = *settings;
    Report { seed, time, character, skipped, rolled_back, drained, past, findings, forgeries, logs }
}

/// What this machine does not allow.
fn skipped(character: &Character, clocks: Option<&Clocks>, disk: &Disk) -> Vec<&'static str> {
    let mut skipped = Vec::new();
    if matches!(disk, Disk::Trigger) {
        skipped.push("a small disk (none can be mounted: a trigger says that it is full)");
    }
    if character.has_clocks && clocks.is_none() {
        skipped.push("clocks that step (libfaketime is not installed)");
    }
    skipped
}

/// Work and faults, for the time that the round has; how many transactions were rolled back.
async fn trouble(
    settings: &Settings,
    (dice, character): (&Dice, &Character),
    machine: &mut Machine<'_>,
    inbox: &Inbox,
) -> u64 {
    let (history, url) = (machine.history, machine.url.clone());
    machine.crew.start(Who::First, history);
    let (stop, stopped) = shutdown::channel();
    let load = (character.writers, character.rate);
    let mut shop = Shop::open(&url, &dice.for_whom("shop"), load, &stopped);
    let is_long = settings.time >= Duration::from_secs(60);
    let faults = Faults { dice, character, is_long, history, stopped };
    tokio::join!(faults.strike(machine), faults.change_moods(inbox), faults.operate(&url), async {
        tokio::time::sleep(settings.time).await;
        stop.stop();
        shop.closed().await;
    });
    history.note("peace");
    shop.tally.rolled_back.load(Ordering::Relaxed)
}

async fn prepare(pg: &Pg, character: &Character) -> Result<String, tokio_postgres::Error> {
    let admin = connect(&pg.url("postgres")).await?;
    admin.batch_execute(&format!("create database {DATABASE} template template0")).await?;
    if character.is_loose {
        let alter = format!("alter database {DATABASE} set synchronous_commit = off");
        admin.batch_execute(&alter).await?;
    }
    let url = pg.url(DATABASE);
    connect(&url).await?.batch_execute(shop::SCHEMA).await?;
    Ok(url)
}

/// The installations of both daemons: the same but for the way to the server.
fn sites(
    url: &str,
    (proxy, clocks): (&Proxy, Option<&Clocks>),
    inbox: &Inbox,
    character: &Character,
) -> (Site, Site) {
    let Character { budget_mb, grace, log_payload, in_flight, .. } = character;
    let mut config = format!(
        "[payload]\ninclude_source = true\n[delivery]\nmemory_budget_mb = {budget_mb}\n\
         shutdown_grace = \"{}ms\"\nlog_payload = \"{log_payload}\"\n",
        grace.as_millis()
    );
    // Longer than any trouble lasts: nothing may fail for good.
    for plan::Endpoint { name, ordering } in ENDPOINTS {
        let rest = format!(
            "ordering = \"{ordering}\"\nmax_in_flight = {in_flight}\ntimeout = \"1500ms\"\n\
             retry = {{ max_retries = 100, retry_delay = \"100ms\", backoff_factor = 1.2, \
             max_delay = \"2s\", jitter = 0.1 }}\n\
             failure_rest = [\"20ms\", \"100ms\", \"300ms\"]\n"
        );
        config += &endpoint(name, &inbox.url(name), &rest);
    }
    let site = |url: &str| Site::at((url, "torture"), &shop::TABLES, &config);
    let variables = clocks.map(Clocks::for_daemon).unwrap_or_default();
    (site(&proxy.through(url)).with_variables(variables), site(url))
}

/// The three tracks on which things happen.
struct Faults<'a> {
    dice: &'a Dice,
    character: &'a Character,
    is_long: bool,
    history: &'a History,
    stopped: Shutdown,
}

impl Faults<'_> {
    async fn strike(&self, machine: &mut Machine<'_>) {
        let mut dice = self.dice.for_whom("blows");
        loop {
            let (pause, blow) = plan::next_blow(&mut dice, self.character, self.is_long);
            if !self.goes_on_after(pause).await {
                return;
            }
            machine.strike(blow).await;
        }
    }

    async fn change_moods(&self, inbox: &Inbox) {
        let moods = ENDPOINTS[1..].iter().map(|endpoint| async {
            let mut dice = self.dice.for_whom(&format!("mood of {}", endpoint.name));
            loop {
                let (well, mood, time) = plan::next_mood(&mut dice);
                if !self.goes_on_after(well).await {
                    return;
                }
                self.history.act("Mood", format!("{} is {mood:?} for {time:?}", endpoint.name));
                inbox.set_mood(endpoint.name, mood);
                let goes_on = self.goes_on_after(time).await;
                inbox.set_mood(endpoint.name, Mood::Well);
                if !goes_on {
                    return;
                }
            }
        });
        futures_util::future::join_all(moods).await;
    }

    async fn operate(&self, url: &str) {
        let mut dice = self.dice.for_whom("operator");
        loop {
            let (pause, deed) = plan::next_deed(&mut dice, self.is_long);
            if !self.goes_on_after(pause).await {
                return;
            }
            let words = format!("{deed:?}");
            self.history.act(words.split('(').next().unwrap_or(&words), words.clone());
            if let Err(error) = self.operate_once(url, deed).await {
                self.history.note(format!("the operator is told: {error}"));
            }
        }
    }

    async fn operate_once(&self, url: &str, deed: Deed) -> Result<(), tokio_postgres::Error> {
        let client = connect(url).await?;
        match deed {
            Deed::Pause(name, time) => {
                client.execute(include_str!("sql/set_state.sql"), &[&name, &"paused"]).await?;
                self.goes_on_after(time).await;
                // It may be gone by now; peace resumes everybody.
                let client = connect(url).await?;
                client.execute(include_str!("sql/set_state.sql"), &[&name, &"active"]).await?;
            }
            Deed::Dump(time) => {
                client.batch_execute(include_str!("sql/dump.sql")).await?;
                self.goes_on_after(time).await;
            }
            Deed::Bulk(rows) => {
                client.execute("select torture.bulk($1)", &[&rows]).await?;
            }
        }
        Ok(())
    }

    /// Waits; false if it is over meanwhile.
    async fn goes_on_after(&self, pause: Duration) -> bool {
        let mut stopped = self.stopped.clone();
        tokio::select! {
            () = tokio::time::sleep(pause) => true,
            () = stopped.stopped() => false,
        }
    }
}

/// Ends all faults: everybody well, everything there, one daemon.
async fn make_peace(machine: &mut Machine<'_>, inbox: &Inbox) {
    for endpoint in ENDPOINTS {
        inbox.set_mood(endpoint.name, Mood::Well);
    }
    machine.proxy.thaw();
    let (url, history) = (machine.url.clone(), machine.history);
    machine.disk.free(&url, history).await;
    machine.crew.start(Who::First, history);
    let resume = async { connect(&url).await?.execute(include_str!("sql/resume.sql"), &[]).await };
    resume.await.expect("a server in peace takes an update");
}

/// Waits until everything is delivered, as long as that goes on; how long it took.
async fn drain(machine: &mut Machine<'_>, inbox: &Inbox) -> Option<Duration> {
    let begun = Instant::now();
    let (mut moved, mut before) = (begun, (0, inbox.count()));
    loop {
        machine.crew.take_stock(machine.history);
        let left = left(&machine.url).await.expect("a server in peace answers");
        if left == 0 {
            return Some(begun.elapsed());
        }
        if (left, inbox.count()) != before {
            (moved, before) = (Instant::now(), (left, inbox.count()));
        }
        if moved.elapsed() > PATIENCE || begun.elapsed() > 5 * PATIENCE {
            machine.history.violated(format!("{left} are not delivered, and nothing moves"));
            return None;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Deliveries that are not in the log yet, rows of the queue, and one for a slot that lags.
async fn left(url: &str) -> Result<i64, tokio_postgres::Error> {
    let client: Client = connect(url).await?;
    let endpoints = ENDPOINTS.len() as i64;
    Ok(client.query_one(include_str!("sql/left.sql"), &[&endpoints]).await?.get(0))
}

/// Where logs of rounds are kept.
pub fn default_logs() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("torture")
}
