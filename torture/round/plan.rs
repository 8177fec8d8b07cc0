//! What will happen, drawn from the seed: the round's character, and what each of three tracks
//! does next. What is drawn does not depend on how the machine is doing.

use std::time::Duration;

use super::dice::Dice;
use super::inbox::Mood;

/// The endpoints. The first is always well.
pub const ENDPOINTS: [Endpoint; 4] = [
    Endpoint { name: "steady", ordering: "key" },
    Endpoint { name: "moody", ordering: "key" },
    Endpoint { name: "strict", ordering: "endpoint" },
    Endpoint { name: "loose", ordering: "none" },
];

/// An endpoint of every round.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// Its name and its path.
    pub name: &'static str,
    /// `ordering` in the configuration.
    pub ordering: &'static str,
}

/// What stays the same through a round.
#[derive(Clone, Debug)]
pub struct Character {
    /// `memory_budget_mb`.
    pub budget_mb: u64,
    /// `shutdown_grace`.
    pub grace: Duration,
    /// `log_payload`.
    pub log_payload: &'static str,
    /// Whether `synchronous_commit = off` is the database's default.
    pub is_loose: bool,
    /// Sessions of the application.
    pub writers: u64,
    /// Changes a second, about.
    pub rate: u64,
    /// `max_in_flight` of every endpoint.
    pub in_flight: u64,
    /// Whether clocks are stepped, where libfaketime is installed.
    pub has_clocks: bool,
}

impl Character {
    /// Drawn.
    pub fn of(dice: &Dice) -> Self {
        let mut dice = dice.for_whom("character");
        Self {
            budget_mb: dice.pick(&[1, 4, 32]),
            grace: Duration::from_millis(dice.pick(&[200, 1000, 3000])),
            log_payload: dice.pick(&["always", "failed"]),
            is_loose: dice.chance(50),
            writers: dice.between(3, 6),
            rate: dice.between(150, 400),
            in_flight: dice.pick(&[2, 8, 32]),
            has_clocks: dice.chance(40),
        }
    }
}

/// How the second daemon gets the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takeover {
    /// The holder is killed.
    Kill,
    /// The holder is told to stop.
    Stop,
    /// The holder is frozen until the server gives it up.
    Freeze,
    /// The holder's walsender is ended.
    EndWalsender,
    /// The holder's network goes.
    CutNetwork,
}

/// What else happens while both daemons are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meanwhile {
    /// Nothing.
    Nothing,
    /// The server crashes.
    CrashServer,
    /// Sessions of both are ended.
    EndSessions,
    /// The walsender is ended once more.
    EndWalsender,
    /// The log's disk is full for a while.
    FillDisk,
}

/// Something done to the daemons, the server, or what is between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// kill -9, and another start after a while.
    Kill(Duration),
    /// SIGTERM, and another start after a while.
    Stop(Duration),
    /// SIGSTOP for a while.
    Freeze(Duration),
    /// SIGHUP.
    Reload,
    /// The server crashes and is started after a while.
    CrashServer(Duration),
    /// The server is restarted in order.
    RestartServer,
    /// `pg_terminate_backend` of the walsender.
    EndWalsender,
    /// The same of other sessions of the daemon.
    EndSessions,
    /// Nothing passes for a while, then everything that was kept does.
    FreezeNetwork(Duration),
    /// Nothing passes for a while, then connections are reset.
    ResetNetwork(Duration),
    /// Connections die without a word; new ones work.
    ForgetNetwork,
    /// Connections are reset, and new ones refused for a while.
    RefuseNetwork(Duration),
    /// A second daemon takes over, stays for a while, and goes.
    SecondDaemon(Takeover, Meanwhile, Duration),
    /// The log's disk is full for a while.
    FillDisk(Duration),
    /// Somebody locks the log for a while.
    LockLog(Duration),
    /// The daemon's clock steps by so many seconds, and the server's.
    StepClocks(i64, i64),
    /// The server writes its checkpoint.
    Checkpoint,
}

/// The next blow, and how long to wait before it. In a round that is not `long` they follow each
/// other sooner.
pub fn next_blow(dice: &mut Dice, character: &Character, long: bool) -> (Duration, Blow) {
    let pause = dice.milliseconds(300, if long { 4000 } else { 1200 });
    let short = dice.milliseconds(0, if long { 1500 } else { 500 });
    let long = dice.milliseconds(500, if long { 8000 } else { 3000 });
    let blow = match dice.below(100) {
        0..16 => Blow::Kill(short),
        16..24 => Blow::Stop(short),
        24..30 => Blow::Freeze(long),
        30..36 => Blow::Reload,
        36..42 => Blow::CrashServer(short),
        42..45 => Blow::RestartServer,
        45..51 => Blow::EndWalsender,
        51..57 => Blow::EndSessions,
        57..62 => Blow::FreezeNetwork(long),
        62..67 => Blow::ResetNetwork(long),
        67..71 => Blow::ForgetNetwork,
        71..74 => Blow::RefuseNetwork(long),
        74..84 => {
            let how = [
                Takeover::Kill,
                Takeover::Stop,
                Takeover::Freeze,
                Takeover::EndWalsender,
                Takeover::CutNetwork,
            ];
            let meanwhile = [
                Meanwhile::Nothing,
                Meanwhile::CrashServer,
                Meanwhile::EndSessions,
                Meanwhile::EndWalsender,
                Meanwhile::FillDisk,
            ];
            Blow::SecondDaemon(dice.pick(&how), dice.pick(&meanwhile), long)
        }
        84..89 => Blow::FillDisk(long),
        89..92 => Blow::LockLog(short),
        92..98 if character.has_clocks => {
            let seconds = dice.between(0, 7200) as i64 - 3600;
            Blow::StepClocks(seconds, dice.between(0, 20) as i64 - 10)
        }
        _ => Blow::Checkpoint,
    };
    (pause, blow)
}

/// The next mood of a receiver, how long it lasts, and how long the receiver is well before it.
pub fn next_mood(dice: &mut Dice) -> (Duration, Mood, Duration) {
    let well = dice.milliseconds(500, 6000);
    let mood = match dice.below(10) {
        0..4 => Mood::Erratic(dice.pick(&[5, 30, 80, 100])),
        4..6 => Mood::Slow(dice.pick(&[5, 50, 400])),
        6 => Mood::Throttling,
        7..9 => Mood::Hanging,
        _ => Mood::Closing,
    };
    (well, mood, dice.milliseconds(500, 5000))
}

/// What an operator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// An endpoint is paused for a while.
    Pause(&'static str, Duration),
    /// A session holds an old snapshot and a lock that conflicts with DDL, as pg_dump does.
    Dump(Duration),
    /// One transaction of so many rows.
    Bulk(i32),
}

/// The operator's next deed, and how long to wait before it. A round that is not `long` has no
/// time for large transactions.
pub fn next_deed(dice: &mut Dice, long: bool) -> (Duration, Deed) {
    let pause = dice.milliseconds(1000, 8000);
    let endpoint = dice.pick(&ENDPOINTS).name;
    let deed = match dice.below(10) {
        0..5 => Deed::Pause(endpoint, dice.milliseconds(300, 5000)),
        5..8 => Deed::Dump(dice.milliseconds(5000, 60_000)),
        _ if long && dice.chance(30) => Deed::Bulk(20_000),
        _ => Deed::Bulk(dice.between(500, 2000) as i32),
    };
    (pause, deed)
}
