//! `walhook demo`: a throwaway cluster, a shop, a daemon and a receiver.
//!
//! One step of the shop at a time: what it does, what must come of it, what arrives.

mod act;
mod arrivals;
pub mod cluster;
mod engine;
mod print;
mod shop;
mod statement;

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::sleep;

use crate::admin::receiver::{self, Received, Settings};
use crate::config::{Config, Faults};
use crate::secret::Secret;
use crate::shutdown::Shutdown;
use crate::store::StoreError;
use crate::{shutdown, sign};
pub use act::ShopError;
pub use arrivals::Tally;
use arrivals::{Arrivals, Report};
use cluster::{Cluster, ClusterError, ClusterOptions};
use engine::Engine;
use print::{Printer, Scene};
use shop::{LogLine, Shop};

/// How long the demo goes on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Ends by itself after this time.
    pub exit_after: Option<Duration>,
    /// Ends by itself after this many row changes that the endpoint is told of.
    pub events: Option<u64>,
}

/// Why the demo failed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// No database.
    #[error("cannot start the demo's PostgreSQL")]
    Cluster(#[from] ClusterError),
    /// The shop's own statements failed.
    #[error(transparent)]
    Shop(#[from] ShopError),
    /// No randomness for secrets.
    #[error("cannot make a secret")]
    Random(#[from] getrandom::Error),
    /// No port for the receiver.
    #[error("cannot open the demo's receiver")]
    Receiver(#[source] io::Error),
    /// No place for the configuration.
    #[error("cannot write the demo's configuration")]
    Files(#[source] io::Error),
    /// The demo's own configuration is wrong.
    #[error("the demo's configuration has faults")]
    Configuration(#[source] Faults),
    /// The schema, publication or slot could not be made.
    #[error("cannot install walhook in the demo's database")]
    Install(#[from] StoreError),
    /// Something of it was left undone.
    #[error("walhook was not installed whole: {0}")]
    NotInstalled(String),
    /// The daemon ended.
    #[error("the daemon ended")]
    Daemon(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The daemon ended without being told to and without an error.
    #[error("the daemon stopped by itself")]
    Stopped,
    /// A task panicked.
    #[error("a part of the demo broke down")]
    Broken(#[from] JoinError),
    /// The terminal is gone.
    #[error("could not write to standard output")]
    Output(#[from] io::Error),
    /// Not all is well.
    #[error(
        "{missing} of {expected} deliveries did not arrive in time and verified, or others did"
    )]
    Incomplete {
        /// How many of the expected ones.
        missing: u64,
        /// How many there should be.
        expected: u64,
    },
}

/// Runs the demo until `stop`, or as long as `options` say, and tells its story on `out`.
/// `daemon` is what `walhook run` runs.
///
/// # Errors
/// When a part cannot be started, or a delivery that the shop caused did not arrive verified.
pub async fn run<D, F, E>(
    options: Options,
    out: impl Write,
    stop: impl Future<Output = ()>,
    daemon: D,
) -> Result<Tally, DemoError>
where
    D: FnOnce(Config, Shutdown) -> F + Send + 'static,
    F: Future<Output = Result<(), E>> + Send,
    E: std::error::Error + Send + Sync + 'static,
{
    let mut printer = Printer::new(out);
    printer.opening()?;
    let mut stop = std::pin::pin!(stop);
    // A signal must not tear the story: it is heard between the parts, and the cluster's guardian
    // cleans up whatever way this ends.
    let cluster = tokio::select! {
        started = start_cluster() => started?,
        () = &mut stop => return Ok(Tally::default()),
    };
    let (url, psql) = (cluster.url("shop"), cluster.psql_line("shop"));
    let shop = Shop::open(&cluster.url("postgres"), &url).await?;
    let secret = sign::generate_secret()?;
    let (receiver_url, reports, closer) = open_receiver(&secret).await?;
    let engine = Engine::start(&url, &receiver_url, &secret, daemon).await?;
    let server = shop.server_version().await?;
    let config = engine.config.display().to_string();
    printer.scene(&Scene {
        server: &server,
        psql: &psql,
        receiver: &receiver_url,
        config: &config,
    })?;

    let mut story = Story { printer, shop, engine, arrivals: Arrivals::new(reports) };
    let told = story.tell(options, stop).await;
    let Story { mut printer, engine, arrivals, .. } = story;
    let tally = arrivals.tally;
    // Without the daemon there is nothing to stop, and its error is the one to tell.
    if !matches!(told, Err(DemoError::Daemon(_) | DemoError::Broken(_) | DemoError::Stopped)) {
        engine.stop().await?;
    }
    closer.stop();
    told?;
    printer.closing(&tally)?;
    match tally.is_good() {
        true => Ok(tally),
        false => Err(DemoError::Incomplete {
            missing: tally.expected.saturating_sub(tally.arrived),
            expected: tally.expected,
        }),
    }
}

async fn start_cluster() -> Result<Cluster, DemoError> {
    // The server listens on loopback, where other users of this machine are too.
    let mut random = [0; 8];
    getrandom::fill(&mut random)?;
    let password = format!("{:016x}", u64::from_ne_bytes(random));
    let options = ClusterOptions { password: Some(password), ..ClusterOptions::default() };
    Ok(spawn_blocking(move || Cluster::start(options)).await??)
}

/// A verifying receiver on a free port: its URL, what it reports, and how to end it.
async fn open_receiver(
    secret: &Secret,
) -> Result<(String, mpsc::Receiver<Received>, shutdown::Trigger), DemoError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.map_err(DemoError::Receiver)?;
    let address = listener.local_addr().map_err(DemoError::Receiver)?;
    let settings = Settings { secrets: vec![secret.clone()], ..Settings::default() };
    let (sink, reports) = mpsc::channel(64);
    let (trigger, shutdown) = shutdown::channel();
    // It ends with the trigger, or with the process.
    tokio::spawn(receiver::receive(listener, settings, sink, shutdown));
    Ok((format!("http://{address}/hooks"), reports, trigger))
}

/// The running demo.
struct Story<W> {
    printer: Printer<W>,
    shop: Shop,
    engine: Engine,
    arrivals: Arrivals,
}

/// Between steps, for whoever reads along.
const CALM: Duration = Duration::from_millis(1500);

/// Between steps when the number of changes is set, and nobody waits to read.
const BRISK: Duration = Duration::from_millis(150);

impl<W: Write> Story<W> {
    async fn tell(
        &mut self,
        options: Options,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), DemoError> {
        let begun = Instant::now();
        let end = options.exit_after.map(|time| begun + time);
        let pace = if options.events.is_some() { BRISK } else { CALM };
        loop {
            let left = options.events.map_or(u64::MAX, |n| n - n.min(self.arrivals.tally.expected));
            if left == 0 || end.is_some_and(|end| Instant::now() >= end) {
                return Ok(());
            }
            if !self.step(left, stop.as_mut()).await? {
                return Ok(());
            }
            tokio::select! {
                () = sleep(pace) => {}
                ended = self.engine.ended() => return ended.and(Err(DemoError::Stopped)),
                () = &mut stop => return Ok(()),
            }
        }
    }

    /// One step of the shop, its deliveries, and what the log says of the last. False: this is
    /// the end, because of `stop`, or because what came after something missing would confuse.
    async fn step(
        &mut self,
        most_changes: u64,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<bool, DemoError> {
        let step = self.shop.step(most_changes).await?;
        self.printer.step(&step)?;
        let mut due = step.expected.clone();
        self.arrivals.tally.expected += due.len() as u64;
        let mut last = None;
        while !due.is_empty() {
            let report = tokio::select! {
                report = self.arrivals.next(&mut due, step.at) => report,
                ended = self.engine.ended() => return ended.and(Err(DemoError::Stopped)),
                () = &mut stop => {
                    // Nobody waited for these, so they are not missing.
                    self.arrivals.tally.expected -= due.len() as u64;
                    return Ok(false);
                }
            };
            match report {
                Some(Report::Due(arrival)) => {
                    self.printer.arrival(&arrival)?;
                    last = Some(arrival.body.id);
                }
                Some(Report::Odd(received)) => self.printer.odd(&received)?,
                None => {
                    self.printer.missing(&due)?;
                    return Ok(false);
                }
            }
        }
        if let Some(event_id) = last {
            let line = self.log_line(&event_id).await?;
            self.printer.log(line.as_ref())?;
        }
        self.printer.lesson(step.lesson)?;
        Ok(true)
    }

    /// The log's row of `event_id`, which is written in a batch soon after the answer.
    async fn log_line(&mut self, event_id: &str) -> Result<Option<LogLine>, DemoError> {
        let patience = Instant::now() + Duration::from_secs(2);
        loop {
            let line = self.shop.log_line(event_id).await?;
            if line.is_some() || Instant::now() > patience {
                return Ok(line);
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}
