//! What is measured: walhook or the rival, as processes of their own.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::Failed;
use crate::node::Rival;
use crate::sink::Sink;
use crate::site::Site;

/// Which program, and how it is set up.
#[derive(Clone, Copy)]
pub(crate) enum Kind<'a> {
    /// walhook with this many endpoints that all want everything, and further lines of
    /// configuration for each endpoint.
    Walhook { program: &'a Path, under: &'a str, endpoints: usize, settings: &'a str },
    /// The rival, which knows one endpoint.
    Node(&'a Rival),
}

impl Kind<'_> {
    /// Its name in tables.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Walhook { .. } => "walhook",
            Self::Node(_) => "Node",
        }
    }

    /// Deliveries of one row.
    pub(crate) fn endpoints(&self) -> usize {
        match self {
            Self::Walhook { endpoints, .. } => *endpoints,
            Self::Node(_) => 1,
        }
    }

    /// Makes publication and slot: what commits after this is delivered.
    pub(crate) async fn prepare(&self, site: &Site, sink: &Sink) -> Result<(), Failed> {
        match self {
            Self::Walhook { program, endpoints, settings, .. } => {
                let config = config(site, sink, *endpoints, settings);
                write_private(&site.home.path().join("config.toml"), &config)?;
                write_private(
                    &site.home.path().join("secret"),
                    "whsec_YmVuY2hiZW5jaGJlbmNoYmVuY2g=",
                )?;
                let output =
                    Command::new(program).arg("init").current_dir(site.home.path()).output();
                let output = output.await?;
                match output.status.success() {
                    true => Ok(()),
                    false => Err(String::from_utf8_lossy(&output.stderr).into()),
                }
            }
            Self::Node(rival) => rival.prepare(site).await,
        }
    }

    /// Starts it.
    pub(crate) fn start(&self, site: &Site, sink: &Sink) -> Result<Consumer, Failed> {
        let log = site.home.path().join(format!("{}.log", self.name()));
        let command = match self {
            Self::Walhook { program, under, .. } => {
                let mut words = under.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
                words.push(program.display().to_string());
                let mut command = Command::new(&words[0]);
                command.args(&words[1..]).arg("run").current_dir(site.home.path());
                command
            }
            Self::Node(rival) => rival.command(site, &sink.url(0)),
        };
        let mut consumer = Consumer::spawn(command, log)?;
        if let Self::Walhook { under, .. } = self {
            consumer.pid = measured_pid(consumer.pid, !under.is_empty());
        }
        Ok(consumer)
    }
}

/// A running consumer.
pub(crate) struct Consumer {
    child: Child,
    /// Process id.
    pub(crate) pid: u32,
    log: PathBuf,
}

impl Consumer {
    /// Starts `command`, which tells `log` what it says.
    pub(crate) fn spawn(mut command: Command, log: PathBuf) -> Result<Self, Failed> {
        let file = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).kill_on_drop(true);
        let child = command.spawn()?;
        let pid = child.id().ok_or("the consumer ended at once")?;
        Ok(Self { child, pid, log })
    }

    /// Waits until it reads from its slot.
    pub(crate) async fn streams(&mut self, site: &Site) -> Result<(), Failed> {
        let sql = "select exists (select from pg_replication_slots where active and database = \
                   current_database())";
        for _ in 0..3000 {
            if site.ask(sql).await? {
                return Ok(());
            }
            if self.child.try_wait()?.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(format!("the consumer does not stream:\n{}", self.log()).into())
    }

    /// Ends it in order; how that went, and what it said.
    pub(crate) async fn stop(mut self) -> Result<(ExitStatus, String), Failed> {
        let kill = ["-c", "kill -TERM \"$0\"", &self.pid.to_string()];
        Command::new("sh").args(kill).status().await?;
        let ended = tokio::time::timeout(Duration::from_secs(60), self.child.wait()).await;
        let status = ended.map_err(|_| "the consumer does not end")??;
        Ok((status, self.log()))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// The pid itself, or that of its child if a profiler runs it.
fn measured_pid(pid: u32, profiled: bool) -> u32 {
    let children = format!("/proc/{pid}/task/{pid}/children");
    let mut tries = 0;
    while profiled && tries < 1_000_000 {
        tries += 1;
        let text = std::fs::read_to_string(&children).unwrap_or_default();
        if let Some(child) = text.split(' ').find_map(|word| word.parse().ok()) {
            return child;
        }
    }
    pid
}

/// What `walhook check` would ask for: others may not read it.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file =
        File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

fn config(site: &Site, sink: &Sink, endpoints: usize, settings: &str) -> String {
    let (url, name) = (&site.url, &site.name);
    let mut text = format!(
        "[database]\nurl = {url:?}\nslot = {name:?}\npublication = {name:?}\n\
         [security]\nallow_http = true\nallow_cidrs = [\"127.0.0.0/8\"]\n\
         [ops]\nlisten = \"\"\n"
    );
    for (number, table) in site.tables().iter().enumerate() {
        let _ = write!(text, "[models.\"store.Order{number}\"]\ntable = {table:?}\n");
    }
    for number in 0..endpoints {
        let _ = write!(
            text,
            "[[endpoints]]\nname = \"e{number}\"\nurl = {:?}\nsecrets = [\"file:secret\"]\n{settings}\n",
            sink.url(number)
        );
    }
    text
}
