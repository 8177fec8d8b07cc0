//! What all scenarios share: the cluster, the receiver, the rival, and what was odd.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio_postgres::Client;
use walhook::demo::cluster::{Cluster, ClusterOptions};

use crate::Failed;
use crate::arguments::Arguments;
use crate::consumer::{Consumer, Kind};
use crate::measure;
use crate::node::Rival;
use crate::sink::Sink;
use crate::site::{self, Site};

/// Nothing arriving for so long is a stall.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// The ground that the scenarios stand on.
pub(crate) struct World {
    pub(crate) arguments: Arguments,
    pub(crate) sink: Sink,
    pub(crate) admin: Client,
    rival: Result<Rival, String>,
    oddities: RefCell<Vec<String>>,
    sites: Cell<u32>,
    // Ends last.
    cluster: Cluster,
}

impl World {
    /// Starts a cluster that writes to disk as a production one does.
    pub(crate) async fn start(arguments: Arguments) -> Result<Self, Failed> {
        let mut arguments = arguments.scaled();
        // It runs in a directory of its own.
        arguments.walhook = arguments.walhook.canonicalize()?;
        std::fs::create_dir_all(&arguments.out)?;
        let settings = [
            ("track_commit_timestamp", "on"),
            ("shared_buffers", "256MB"),
            // No checkpoint falls into a run by itself.
            ("max_wal_size", "8GB"),
            ("checkpoint_timeout", "1h"),
            ("max_connections", "100"),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let options = ClusterOptions { fsync: true, settings, ..ClusterOptions::default() };
        let cluster = spawn_blocking(move || Cluster::start(options)).await??;
        let admin = site::connect(&cluster.url("postgres")).await?;
        let rival = Rival::find(&arguments.rival, &arguments.out, cluster.port()).await;
        if let Err(why) = &rival {
            eprintln!("bench: without the rival: {why}");
        }
        let (sink, oddities, sites) = (Sink::start()?, RefCell::default(), Cell::new(0));
        Ok(Self { arguments, sink, admin, rival, oddities, sites, cluster })
    }

    /// A new database with `models` tables.
    pub(crate) async fn site(&self, models: usize) -> Result<Site, Failed> {
        let name = format!("bench_{}", self.sites.replace(self.sites.get() + 1));
        let url = self.cluster.url(&name);
        Site::make(&self.admin, name, url, models).await
    }

    /// walhook with its defaults and `endpoints` endpoints.
    pub(crate) fn walhook(&self, endpoints: usize) -> Kind<'_> {
        self.walhook_with(endpoints, "")
    }

    /// The same with further lines for each endpoint.
    pub(crate) fn walhook_with<'a>(&'a self, endpoints: usize, settings: &'a str) -> Kind<'a> {
        let Arguments { walhook: program, under, .. } = &self.arguments;
        Kind::Walhook { program, under, endpoints, settings }
    }

    /// The rival, if there is one.
    pub(crate) fn rival(&self) -> Option<Kind<'_>> {
        self.rival.as_ref().ok().map(Kind::Node)
    }

    /// walhook with one endpoint, and the rival.
    pub(crate) fn both(&self) -> impl Iterator<Item = Kind<'_>> {
        [self.walhook(1)].into_iter().chain(self.rival())
    }

    /// The postmaster's process id.
    pub(crate) fn postmaster(&self) -> u32 {
        self.cluster.postmaster_pid().unwrap_or(0)
    }

    /// Begins to measure.
    pub(crate) async fn meter(&self, pid: Option<u32>) -> Result<measure::Meter, Failed> {
        measure::Meter::begin(&self.admin, self.postmaster(), pid).await
    }

    /// Waits until all is written; how long that took.
    pub(crate) async fn until_quiet(&self, pid: u32) -> Duration {
        measure::until_quiet(pid, self.postmaster()).await
    }

    /// Waits for the end of autovacuum workers: all that one has used counts when it ends.
    pub(crate) async fn until_vacuumed(&self) -> Result<(), Failed> {
        let sql = "select count(*) from pg_stat_activity where backend_type = 'autovacuum worker'";
        while self.admin.query_one(sql, &[]).await?.try_get::<_, i64>(0)? > 0 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.checkpoint().await
    }

    /// Writes out what the load left behind, so that no run pays for the one before.
    pub(crate) async fn checkpoint(&self) -> Result<(), Failed> {
        Ok(self.admin.batch_execute("checkpoint").await?)
    }

    /// Ends the consumer, keeps its log and drops the site; complaints in the log are odd.
    pub(crate) async fn clear(
        &self,
        what: &str,
        consumer: Consumer,
        site: Site,
    ) -> Result<(), Failed> {
        let is_rival = site.ask("select count(*) = 0 from pg_namespace where nspname = 'walhook'");
        let is_rival: bool = is_rival.await?;
        let (status, log) = consumer.stop().await?;
        // "200/s" is no directory.
        let file = format!("{}.log", what.replace('/', " per "));
        std::fs::write(self.arguments.out.join(file), &log)?;
        if !is_rival && !status.success() && self.arguments.under.is_empty() {
            self.odd(format!("{what}: the daemon ended with {status}"));
        }
        let is_complaint = |line: &&str| line.contains("WARN") || line.contains("ERROR");
        let complaints: Vec<&str> = log.lines().filter(is_complaint).collect();
        if let Some(first) = complaints.first() {
            self.odd(format!(
                "{what}: {} complaints in its log; the first: {first}",
                complaints.len()
            ));
        }
        site.drop(&self.admin).await
    }

    /// Remembers what should not have been.
    pub(crate) fn odd(&self, what: String) {
        eprintln!("bench: ODD: {what}");
        self.oddities.borrow_mut().push(what);
    }

    /// The lines above the tables.
    pub(crate) fn describe_machine(&self) {
        println!("- Machine: {}.", measure::machine());
        println!("- Measured: {}.", measure::program(&self.arguments.walhook));
        println!("- Load average before: {}.", measure::load_average());
        if self.arguments.is_quick() {
            println!("- A quick run: it shows that the bench works, and no figure counts.");
        }
        println!();
    }

    /// The lines below.
    pub(crate) fn tell_oddities(&self) {
        println!("- Load average after: {}.", measure::load_average());
        for what in self.oddities.borrow().iter() {
            println!("- Odd: {what}");
        }
    }
}
