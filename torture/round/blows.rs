//! What is done to the daemons, the server, and the way between them.

use std::time::Duration;

use super::crew::{Crew, Who};
use super::disk::Disk;
use super::history::History;
use super::plan::{Blow, Meanwhile, Takeover};
use super::shop::connect;
use crate::support::clocks::Clocks;
use crate::support::pg::Pg;
use crate::support::proxy::Proxy;

/// A moment.
const SHORT: Duration = Duration::from_millis(300);

/// How long a second daemon may take to be there.
const PATIENCE: Duration = Duration::from_secs(20);

/// Everything that can be struck.
pub struct Machine<'a> {
    /// The daemons.
    pub crew: Crew,
    /// The server.
    pub pg: &'a Pg,
    /// The first daemon's way to it.
    pub proxy: &'a Proxy,
    /// Where the log is.
    pub disk: Disk,
    /// The clocks, if they can be stepped.
    pub clocks: Option<Clocks>,
    /// The database.
    pub url: String,
    /// What happened.
    pub history: &'a History,
}

impl Machine<'_> {
    /// Strikes, and leaves everything running again.
    pub async fn strike(&mut self, blow: Blow) {
        let words = format!("{blow:?}");
        let kind = words.split('(').next().unwrap_or(&words).to_owned();
        self.history.act(&kind, words);
        self.crew.take_stock(self.history);
        self.crew.start(Who::First, self.history);
        match blow {
            Blow::Kill(_) | Blow::Stop(_) | Blow::Freeze(_) | Blow::Reload => {
                self.strike_daemon(blow).await;
            }
            Blow::CrashServer(_) | Blow::RestartServer => self.strike_server(blow).await,
            Blow::EndWalsender => self.say(include_str!("sql/end_walsender.sql")).await,
            Blow::EndSessions => self.say(include_str!("sql/end_sessions.sql")).await,
            Blow::Checkpoint => self.say("checkpoint").await,
            Blow::LockLog(time) => {
                let lock = include_str!("sql/lock_log.sql");
                self.say(&lock.replace("%SECONDS%", &time.as_secs_f64().to_string())).await;
            }
            Blow::FreezeNetwork(_)
            | Blow::ResetNetwork(_)
            | Blow::ForgetNetwork
            | Blow::RefuseNetwork(_) => self.strike_network(blow).await,
            Blow::FillDisk(time) => self.fill_disk(time).await,
            Blow::StepClocks(daemon, server) => {
                if let Some(clocks) = &mut self.clocks {
                    clocks.step(daemon, server);
                }
            }
            Blow::SecondDaemon(how, meanwhile, stay) => {
                self.change_guard(how).await;
                // The former holder comes back, as the one that waits.
                self.crew.start(Who::First, self.history);
                self.strike_both(meanwhile).await;
                tokio::time::sleep(stay).await;
                self.crew.take_stock(self.history);
                match stay.as_millis() % 2 {
                    0 => self.crew.kill(Who::Second, self.history).await,
                    _ => self.crew.stop(Who::Second, self.history).await,
                }
            }
        }
        self.crew.start(Who::First, self.history);
    }

    async fn strike_daemon(&mut self, blow: Blow) {
        match blow {
            Blow::Kill(pause) => {
                self.crew.kill(Who::First, self.history).await;
                tokio::time::sleep(pause).await;
            }
            Blow::Stop(pause) => {
                self.crew.stop(Who::First, self.history).await;
                tokio::time::sleep(pause).await;
            }
            Blow::Freeze(time) => {
                self.crew.signal(Who::First, "STOP").await;
                tokio::time::sleep(time).await;
                self.crew.signal(Who::First, "CONT").await;
            }
            _ => {
                // What is under way when the grace is over is parked, and comes again.
                self.history.memory_is_lost("the first daemon reloads".to_owned());
                self.crew.signal(Who::First, "HUP").await;
                tokio::time::sleep(Duration::from_millis(500)).await;
                self.history.memory_is_lost("the first daemon has reloaded".to_owned());
            }
        }
    }

    async fn strike_server(&mut self, blow: Blow) {
        let pg = self.pg;
        match blow {
            Blow::CrashServer(pause) => {
                tokio::task::block_in_place(|| pg.cluster().stop_immediate());
                tokio::time::sleep(pause).await;
                tokio::task::block_in_place(|| pg.cluster().restart()).expect("it starts again");
            }
            _ => tokio::task::block_in_place(|| pg.cluster().restart()).expect("it starts again"),
        }
        self.history.note("the server is back");
    }

    async fn strike_network(&mut self, blow: Blow) {
        match blow {
            Blow::FreezeNetwork(time) => {
                self.proxy.freeze();
                tokio::time::sleep(time).await;
            }
            Blow::ResetNetwork(time) => {
                self.proxy.freeze();
                tokio::time::sleep(time).await;
                self.proxy.close_all();
            }
            Blow::RefuseNetwork(time) => {
                self.proxy.refuse();
                self.proxy.close_all();
                tokio::time::sleep(time).await;
            }
            _ => self.proxy.forget(),
        }
        self.proxy.thaw();
        self.history.note("the network is back");
    }

    /// The second daemon comes and gets the slot somehow.
    async fn change_guard(&mut self, how: Takeover) {
        const STREAMS: [&str; 2] = ["\"streaming\"", "replication streams again"];
        let history = self.history;
        self.crew.start(Who::Second, history);
        let waits = [STREAMS[0], "not streaming; trying again"];
        self.crew.hears(Who::Second, &waits, PATIENCE).await;
        match how {
            Takeover::Kill => self.crew.kill(Who::First, history).await,
            Takeover::Stop => self.crew.stop(Who::First, history).await,
            Takeover::EndWalsender => {
                self.say(include_str!("sql/end_walsender.sql")).await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Takeover::Freeze => {
                self.crew.signal(Who::First, "STOP").await;
                self.crew.hears(Who::Second, &STREAMS, PATIENCE).await;
                self.crew.signal(Who::First, "CONT").await;
            }
            Takeover::CutNetwork => {
                self.proxy.freeze();
                self.crew.hears(Who::Second, &STREAMS, PATIENCE).await;
                self.proxy.forget();
            }
        }
    }

    /// Either may have the slot afterwards.
    async fn strike_both(&mut self, meanwhile: Meanwhile) {
        match meanwhile {
            Meanwhile::Nothing => return,
            Meanwhile::CrashServer => self.strike_server(Blow::CrashServer(SHORT)).await,
            Meanwhile::EndSessions => self.say(include_str!("sql/end_sessions.sql")).await,
            Meanwhile::EndWalsender => self.say(include_str!("sql/end_walsender.sql")).await,
            Meanwhile::FillDisk => self.fill_disk(Duration::from_secs(1)).await,
        }
        tokio::time::sleep(SHORT).await;
    }

    async fn fill_disk(&mut self, time: Duration) {
        self.disk.fill(&self.url, self.history).await;
        tokio::time::sleep(time).await;
        self.disk.free(&self.url, self.history).await;
    }

    /// Runs statements in a session of their own; a server that is away is no fault of anybody's.
    async fn say(&self, sql: &str) {
        if let Err(error) = say(&self.url, sql).await {
            self.history.note(format!("not done: {error}"));
        }
    }
}

/// Runs statements in a session of their own.
pub async fn say(url: &str, sql: &str) -> Result<(), String> {
    let said = async { connect(url).await?.batch_execute(sql).await };
    let said = tokio::time::timeout(Duration::from_secs(20), said).await;
    said.map_err(|_| "it takes too long".to_owned())?.map_err(|error| format!("{error:?}"))
}
