//! `walhook` as an operator runs it: a configuration file, `walhook init`, `walhook run`, signals.
//! Always the built binary.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::hooks::PATIENCE;
use super::pg::Database;

/// One installation: a directory with a `config.toml` for one database.
pub struct Site {
    home: TempDir,
    head: String,
    variables: Vec<(String, String)>,
    /// A command that runs the one given to it, in a world of its own.
    wrapper: Vec<String>,
}

impl Site {
    /// An installation for `database` that captures `tables` and has the rest of its
    /// configuration from `config`. Loopback may be called, over http too.
    pub fn new(database: &Database, tables: &[&str], config: &str) -> Self {
        Self::at((&database.url, &database.name), tables, config)
    }

    /// The same for the database at a URL, with a slot of this name.
    pub fn at((url, slot): (&str, &str), tables: &[&str], config: &str) -> Self {
        let head = format!(
            "[database]\nurl = {url:?}\nslot = {slot:?}\ntables = {tables:?}\n\
             [security]\nallow_http = true\nallow_cidrs = [\"127.0.0.0/8\"]\n\
             [ops]\nlisten = \"\"\n",
        );
        let site = Self {
            home: TempDir::new().unwrap(),
            head,
            variables: Vec::new(),
            wrapper: Vec::new(),
        };
        site.configure(config);
        site
    }

    /// The same with an environment variable for every command.
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with several of them.
    pub fn with_variables(mut self, variables: Vec<(String, String)>) -> Self {
        self.variables.extend(variables);
        self
    }

    /// The same with every command run by `wrapper`, which must become it.
    pub fn within(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Another configuration file, with the same head.
    pub fn configure(&self, config: &str) {
        std::fs::write(self.config(), format!("{}{config}", self.head)).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.home.path().join("config.toml")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut words = self.wrapper.iter().map(String::as_str);
        let binary = env!("CARGO_BIN_EXE_walhook");
        let mut command = Command::new(words.next().unwrap_or(binary));
        command.args(words);
        if !self.wrapper.is_empty() {
            command.arg(binary);
        }
        command.args(arguments).arg("--config").arg(self.config());
        command.args(["--log-format", "json"]);
        command.env("RUST_LOG", "info,walhook=debug").envs(self.variables.iter().cloned());
        command.current_dir(self.home.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }

    /// Runs a command to its end: status, standard output, standard error.
    pub async fn walhook(&self, arguments: &[&str]) -> (ExitStatus, String, String) {
        let output = tokio::time::timeout(PATIENCE, self.command(arguments).output()).await;
        let output = output.expect("it ends in time").unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status, text(output.stdout), text(output.stderr))
    }

    /// `walhook init`, which must succeed.
    #[track_caller]
    pub fn init(&self) -> impl Future<Output = String> + '_ {
        let caller = std::panic::Location::caller();
        async move {
            let (status, stdout, stderr) = self.walhook(&["init"]).await;
            assert!(status.success(), "{caller}: {status}\n{stdout}{stderr}");
            stdout
        }
    }

    /// `walhook run`, from its start on.
    pub fn start(&self) -> Daemon {
        let mut child = self.command(&["run"]).spawn().unwrap();
        let (sender, count) = watch::channel(0);
        let log = Arc::<Mutex<Vec<String>>>::default();
        let (lines, pipe) = (Arc::clone(&log), child.stderr.take().unwrap());
        let reader = tokio::spawn(async move {
            let mut pipe = BufReader::new(pipe).lines();
            while let Ok(Some(line)) = pipe.next_line().await {
                lines.lock().unwrap().push(line);
                sender.send_modify(|count| *count += 1);
            }
        });
        let pid = child.id().expect("it was not waited for");
        Daemon { child, pid, log, count, reader: Some(reader) }
    }

    /// `walhook run`, once it streams.
    #[track_caller]
    pub fn run(&self) -> impl Future<Output = Daemon> {
        let daemon = self.start();
        let streams = daemon.says("streaming");
        async move {
            streams.await;
            daemon
        }
    }

    /// `walhook init`, then `walhook run`, once it streams.
    pub async fn up(&self) -> Daemon {
        self.init().await;
        self.run().await
    }
}

/// Hears what a daemon says.
pub struct Listener {
    /// The daemon's process id.
    pub pid: u32,
    log: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    /// What the last line says of which something can be said.
    pub fn last<T>(&self, tell: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.log.lock().unwrap().iter().rev().find_map(|line| tell(line))
    }
}

/// One `walhook run`. Killed when dropped.
pub struct Daemon {
    child: Child,
    pid: u32,
    log: Arc<Mutex<Vec<String>>>,
    count: watch::Receiver<usize>,
    reader: Option<tokio::task::JoinHandle<()>>,
}

impl Daemon {
    /// Process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Who hears what it says, also from elsewhere.
    pub fn listener(&self) -> Listener {
        Listener { pid: self.pid, log: Arc::clone(&self.log) }
    }

    /// The lines of its log so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// Waits for a line whose `message` begins so; returns the line.
    #[track_caller]
    pub fn says(&self, message: &str) -> impl Future<Output = Value> + use<> {
        self.says_again(message, 1)
    }

    /// Waits for the `nth` such line.
    #[track_caller]
    pub fn says_again(&self, message: &str, nth: usize) -> impl Future<Output = Value> + use<> {
        let (caller, wanted) = (std::panic::Location::caller(), message.to_owned());
        let (log, mut count) = (Arc::clone(&self.log), self.count.clone());
        async move {
            let find = || {
                let lines = log.lock().unwrap();
                let parsed = lines.iter().filter_map(|line| serde_json::from_str(line).ok());
                let mut said = parsed.filter(|line: &Value| {
                    line["message"].as_str().is_some_and(|text| text.starts_with(&wanted))
                });
                said.nth(nth - 1)
            };
            let come = count.wait_for(|_| find().is_some());
            let came = tokio::time::timeout(PATIENCE, come).await;
            find().unwrap_or_else(|| {
                let log = log.lock().unwrap().join("\n");
                panic!("{caller}: it did not say {wanted:?} ({came:?}):\n{log}")
            })
        }
    }

    /// How it ended, if it did so by itself.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// As the kernel ends it. Returns everything it said.
    pub async fn kill(mut self) -> String {
        self.child.kill().await.unwrap();
        self.drained().await;
        self.log()
    }

    /// SIGTERM, without waiting.
    pub async fn terminate(&self) {
        self.signal("TERM").await;
    }

    /// Any signal, as in `HUP`.
    pub async fn signal(&self, signal: &str) {
        let arguments = ["-c", "kill -\"$0\" \"$1\"", signal, &self.pid().to_string()];
        let sent = Command::new("sh").args(arguments).status().await;
        assert!(sent.unwrap().success());
    }

    /// Waits for its end; returns how it ended and everything it said.
    pub async fn ended(mut self) -> (ExitStatus, String) {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("it does not end:\n{}", self.log())).unwrap();
        self.drained().await;
        (status, self.log())
    }

    /// SIGTERM; it must exit with 0. Returns everything it said.
    pub async fn stop(self) -> String {
        self.terminate().await;
        let (status, log) = self.ended().await;
        assert_eq!(status.code(), Some(0), "{log}");
        log
    }

    /// Waits until everything it wrote has been read.
    async fn drained(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.await.unwrap();
        }
    }
}

impl Drop for Daemon {
    #[allow(clippy::print_stderr, reason = "what the daemon said explains a failed test")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let start = log.len().saturating_sub(12_000);
            let start = log.char_indices().map(|(i, _)| i).find(|i| *i >= start).unwrap_or(0);
            eprintln!("--- the daemon said:\n{}", &log[start..]);
        }
    }
}

/// An `[[endpoints]]` entry that subscribes to everything, rests for a moment only, and has no
/// jitter; `rest` are further lines.
pub fn endpoint(name: &str, url: &str, rest: &str) -> String {
    let mut text = format!("[[endpoints]]\nname = {name:?}\nurl = {url:?}\n");
    for (key, line) in [
        ("retry", "retry = { schedule = [\"100ms\", \"200ms\", \"300ms\"], jitter = 0.0 }\n"),
        ("failure_rest", "failure_rest = [\"1ms\"]\n"),
        ("alert_after", "alert_after = []\n"),
        ("disable_after", "disable_after = 0\n"),
    ] {
        if !rest.contains(key) {
            text += line;
        }
    }
    text + rest + "\n"
}

impl Database {
    /// Waits until `sql` says true, asking again and again.
    #[track_caller]
    pub fn becomes_true<'a>(&'a self, sql: &'a str) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let deadline = Instant::now() + PATIENCE;
            while !self.query_one::<Option<bool>>(sql, &[]).await.unwrap_or(false) {
                assert!(Instant::now() < deadline, "{caller}: never true: {sql}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    /// Rows of `webhook_log` by status, as in `failed 1, success 20`.
    pub async fn statuses(&self, endpoint: &str) -> String {
        let sql = "select coalesce(string_agg(status || ' ' || n, ', ' order by status), '') from \
                   (select status, count(*) as n from walhook.webhook_log \
                    where endpoint_name = $1 group by status) as s";
        self.query_one(sql, &[&endpoint]).await
    }
}
