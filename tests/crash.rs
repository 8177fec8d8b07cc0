//! What survives: kill -9, a server that goes away, a second daemon, a stop in good order.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use support::daemon::{Site, endpoint};
use support::hooks::{Hook, Hooks, Latch, Reply};
use support::pg::{Database, Pg};

const ITEMS: &str =
    "create table items (id bigint generated always as identity primary key, n int)";

/// How often the daemon is killed under load.
const KILLS: usize = 10;

/// Rows of the log that the next start would send again: it looks at ids from the floor on.
const FORGOTTEN: &str = "select count(*) from walhook.attempt as a, \
     (select * from walhook.checkpoint order by flush desc limit 1) as c \
     where (a.commit_lsn, a.ordinal) > (c.commit_lsn, c.ordinal) and a.delivery_id < c.replay_floor";

async fn items(pg: &Pg) -> Database {
    let database = pg.database().await;
    database.execute(ITEMS).await;
    database
}

fn numbers(hooks: &[Hook]) -> Vec<i64> {
    hooks.iter().map(|hook| hook.number("id")).collect()
}

/// The same without repetitions, in the order of first arrivals.
fn first_arrivals(hooks: &[Hook]) -> Vec<i64> {
    let mut seen = HashSet::new();
    numbers(hooks).into_iter().filter(|id| seen.insert(*id)).collect()
}

/// A small generator of the tests' own, so that a seed means the same for ever.
struct Random(u64);

impl Random {
    #[allow(clippy::print_stdout, reason = "a failed test shows how to run it again")]
    /// Seeded by `WALHOOK_TEST_SEED`, else by the clock; says which.
    fn seeded() -> Self {
        let clock = || std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
        let seed = std::env::var("WALHOOK_TEST_SEED").ok();
        let seed = seed.map_or_else(clock, |seed| seed.parse().unwrap());
        println!("WALHOOK_TEST_SEED={seed}");
        Self(seed | 1)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[tokio::test]
async fn kill_9_loses_nothing_and_repeats_only_what_was_not_logged() {
    let database = items(Pg::shared()).await;
    let mut random = Random::seeded();
    let hooks = Hooks::ok().await;
    let other = Hooks::start(|hook| match hook.number("id") % 10 {
        0 if hook.attempt() == 1 => Reply::Status(500),
        _ => Reply::Status(200),
    })
    .await;
    let config = endpoint("good", &hooks.url("/"), "") + &endpoint("moody", &other.url("/"), "");
    let site = Site::new(&database, &["public.items"], &config);
    site.init().await;

    let writer = database.connect().await;
    let load = async {
        loop {
            let insert = "insert into items (n) select g from generate_series(1, 20) as g";
            writer.client.batch_execute(insert).await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let kills = async {
        let mut logged = Vec::new();
        for _ in 0..KILLS {
            let daemon = site.run().await;
            let delay = Duration::from_millis(random.below(900));
            tokio::time::sleep(delay).await;
            daemon.kill().await;
            let forgotten: i64 = database.query_one(FORGOTTEN, &[]).await;
            assert_eq!(forgotten, 0, "settled beyond the watermark, and a replay would not know");
            let rows = database
                .query(
                    "select delivery_id::text from walhook.attempt where outcome = 'success'",
                    &[],
                )
                .await;
            let rows: HashSet<String> = rows.iter().map(|row| row.get(0)).collect();
            logged.push((hooks.len(), other.len(), rows));
        }
        logged
    };
    let logged = tokio::select! {
        logged = kills => logged,
        () = load => unreachable!("it never ends"),
    };
    let daemon = site.run().await;
    database
        .becomes_true(
            "select (select count(*) from walhook.pending) = 0 and \
             (select count(*) from walhook.webhook_log where status = 'success') \
             = 2 * (select count(*) from items)",
        )
        .await;
    let log = daemon.stop().await;
    assert!(!log.contains("cannot be logged") && !log.contains("the log refuses"), "{log}");

    let rows: i64 = database.query_one("select count(*) from items", &[]).await;
    for (name, receiver, place) in [("good", &hooks, 0), ("moody", &other, 1)] {
        let hooks = receiver.all();
        assert_eq!(first_arrivals(&hooks).len() as i64, rows, "{name}: something is lost");
        let repeats = repeats(&hooks);
        println!("{name}: {rows} rows, {repeats} repeats in {KILLS} kills");
        for (good, moody, rows) in &logged {
            let since = [good, moody][place];
            let again: Vec<_> =
                hooks[*since..].iter().filter(|hook| rows.contains(hook.delivery_id())).collect();
            assert!(again.is_empty(), "{name}: logged as delivered, and sent again: {again:?}");
        }
    }
}

/// Attempts that were made more than once; each time with the same bytes.
fn repeats(hooks: &[Hook]) -> usize {
    let mut bodies: HashMap<(&str, u32), &[u8]> = HashMap::new();
    let mut repeats = 0;
    for hook in hooks {
        if let Some(body) = bodies.insert((hook.delivery_id(), hook.attempt()), hook.body()) {
            repeats += 1;
            assert_eq!(body, hook.body(), "the same id means the same bytes");
        }
    }
    repeats
}

#[tokio::test]
async fn a_large_transaction_goes_on_where_kill_9_left_it() {
    const ROWS: usize = 3000;
    let database = items(Pg::shared()).await;
    let latch = Latch::new();
    let hooks = Hooks::start({
        let latch = latch.clone();
        move |hook| match hook.number("n") {
            ..1000 => Reply::Status(200),
            _ => latch.then_ok(),
        }
    })
    .await;
    let one = endpoint("crm", &hooks.url("/"), "max_in_flight = 1\nordering = \"endpoint\"");
    let site = Site::new(&database, &["public.items"], &one);
    let daemon = site.up().await;
    database.execute(&format!("insert into items (n) select generate_series(1, {ROWS})")).await;
    hooks.arrived(1000).await;
    database.becomes_true("select count(*) = 999 from walhook.attempt").await;
    daemon.kill().await;
    latch.open();
    let daemon = site.run().await;
    let hooks = hooks
        .until(|hooks| {
            hooks.len() > ROWS && hooks.last().is_some_and(|h| h.number("n") == ROWS as i64)
        })
        .await;
    assert_eq!(first_arrivals(&hooks), (1..=ROWS as i64).collect::<Vec<_>>());
    let ids: HashSet<_> = hooks.iter().map(Hook::event_id).collect();
    assert_eq!(ids.len(), ROWS, "a row keeps its id");
    assert_eq!(hooks.len() - ROWS, 1, "only what was under way comes again");
    daemon.stop().await;
}

#[tokio::test]
async fn kill_9_during_a_request_sends_it_again_at_once_after_the_restart() {
    let database = items(Pg::shared()).await;
    let hooks = Hooks::start(|hook| match hook.number("id") {
        1 => Reply::Silence,
        _ => Reply::Status(200),
    })
    .await;
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""));
    let daemon = site.up().await;
    database.execute("insert into items (n) values (1), (2)").await;
    hooks.arrived(2).await;
    // Once it is in the log the second one must not come again.
    database.becomes_true("select count(*) = 1 from walhook.attempt").await;
    daemon.kill().await;
    let daemon = site.run().await;
    let hooks = hooks.arrived(3).await;
    let first: Vec<_> = hooks.iter().filter(|hook| hook.number("id") == 1).collect();
    assert_eq!(first.len(), 2, "{:?}", numbers(&hooks));
    assert_eq!(first[0].event_id(), first[1].event_id());
    assert_eq!(first[0].delivery_id(), first[1].delivery_id());
    assert_eq!(first[0].body(), first[1].body());
    daemon.kill().await;
}

#[tokio::test]
async fn a_delivery_that_hung_too_long_for_the_slot_is_due_again_after_kill_9() {
    let database = items(Pg::shared()).await;
    let hooks = Hooks::start(|_| Reply::Silence).await;
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""));
    let daemon = site.up().await;
    database.execute("insert into items (n) values (1)").await;
    hooks.arrived(1).await;
    database
        .becomes_true("select count(*) = 1 from walhook.pending where state = 'in_flight'")
        .await;
    database
        .becomes_true(&format!(
            "select confirmed_flush_lsn > (select commit_lsn from walhook.pending) \
             from pg_replication_slots where slot_name = '{}'",
            database.name
        ))
        .await;
    daemon.kill().await;
    let daemon = site.run().await;
    let hooks = hooks.arrived(2).await;
    assert_eq!(hooks[0].delivery_id(), hooks[1].delivery_id());
    daemon.kill().await;
}

#[tokio::test]
async fn what_was_parked_behind_a_request_under_way_does_not_overtake_it_after_kill_9() {
    for ordering in ["key", "endpoint"] {
        let database = items(Pg::shared()).await;
        database
            .execute(
                "alter table items replica identity full; \
                 alter table items alter column id drop identity",
            )
            .await;
        let latch = Latch::new();
        let hooks = Hooks::start({
            let latch = latch.clone();
            move |_| if latch.is_open() { Reply::Status(200) } else { Reply::Silence }
        })
        .await;
        let rest = format!("ordering = \"{ordering}\"\ntimeout = \"10m\"");
        let config = endpoint("crm", &hooks.url("/"), &rest);
        let site = Site::new(&database, &["public.items"], &config);
        let daemon = site.up().await;
        database.execute("insert into items values (1, 0)").await;
        hooks.arrived(1).await;
        // The lane parks what follows; what is under way it does not.
        database.execute("update walhook.endpoint set state = 'paused'").await;
        daemon.says("endpoint changed state").await;
        // Also under a key that changes.
        database
            .execute(
                "update items set n = 1; update items set id = 9, n = 2; update items set n = 3",
            )
            .await;
        database.becomes_true("select count(*) >= 3 from walhook.pending").await;
        daemon.kill().await;
        database.execute("update walhook.endpoint set state = 'active'").await;
        latch.open();
        let daemon = site.run().await;
        let received = hooks.arrived(5).await;
        let order: Vec<i64> = received.iter().map(|hook| hook.number("n")).collect();
        assert_eq!(order, [0, 0, 1, 2, 3], "{ordering}");
        database.becomes_true("select count(*) = 0 from walhook.pending").await;
        daemon.stop().await;
    }
}

#[tokio::test]
async fn what_is_committed_after_init_and_while_the_daemon_is_down_arrives() {
    let database = items(Pg::shared()).await;
    let hooks = Hooks::ok().await;
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""));
    database.execute("insert into items (n) values (0)").await;
    site.init().await;
    database.execute("insert into items (n) values (1)").await;
    let daemon = site.run().await;
    hooks.arrived(1).await;
    daemon.stop().await;
    database.execute("insert into items (n) values (2)").await;
    let daemon = site.run().await;
    database.execute("insert into items (n) values (3)").await;
    let hooks = hooks.arrived(3).await;
    let n: Vec<_> = hooks.iter().map(|hook| hook.number("n")).collect();
    assert_eq!(n, [1, 2, 3], "not what was there before init, and nothing twice");
    daemon.stop().await;
}

#[tokio::test]
async fn sigterm_lets_requests_finish_and_parks_the_rest() {
    let database = items(Pg::shared()).await;
    let latch = Latch::new();
    let hooks = Hooks::start({
        let latch = latch.clone();
        move |_| latch.then_ok()
    })
    .await;
    let site = Site::new(
        &database,
        &["public.items"],
        &endpoint("crm", &hooks.url("/"), "max_in_flight = 2\nordering = \"none\""),
    );
    let daemon = site.up().await;
    database.execute("insert into items (n) select generate_series(1, 10)").await;
    hooks.arrived(2).await;
    daemon.terminate().await;
    daemon.says("stopping").await;
    // Now the lanes know as well.
    database.becomes_true("select count(*) = 8 from walhook.pending").await;
    latch.open();
    let (status, log) = daemon.ended().await;
    assert_eq!(status.code(), Some(0), "{log}");
    assert_eq!(hooks.len(), 2, "no attempt begins after SIGTERM");
    assert_eq!(database.statuses("crm").await, "pending 8, success 2");
    let confirmed: bool = database
        .query_one(
            "select confirmed_flush_lsn > (select max(commit_lsn) from walhook.pending) \
             from pg_replication_slots where slot_name = $1",
            &[&database.name],
        )
        .await;
    assert!(confirmed, "what is parked no longer needs the WAL");
    let daemon = site.run().await;
    let hooks = hooks.arrived(10).await;
    let mut ids = numbers(&hooks);
    ids.sort_unstable();
    assert_eq!(ids, (1..=10).collect::<Vec<_>>(), "each once");
    daemon.stop().await;
}

#[tokio::test]
async fn requests_that_outlast_the_grace_are_parked_and_come_again() {
    let database = items(Pg::shared()).await;
    let latch = Latch::new();
    let hooks = Hooks::start({
        let latch = latch.clone();
        move |_| latch.then_ok()
    })
    .await;
    let site = Site::new(
        &database,
        &["public.items"],
        &("[delivery]\nshutdown_grace = \"200ms\"\n".to_owned()
            + &endpoint("crm", &hooks.url("/"), "")),
    );
    let daemon = site.up().await;
    database.execute("insert into items (n) values (1)").await;
    hooks.arrived(1).await;
    daemon.stop().await;
    assert_eq!(database.statuses("crm").await, "pending 1");
    latch.open();
    let daemon = site.run().await;
    let hooks = hooks.arrived(2).await;
    assert_eq!(hooks[0].delivery_id(), hooks[1].delivery_id());
    database.becomes_true("select count(*) = 0 from walhook.pending").await;
    daemon.stop().await;
}

#[tokio::test]
async fn of_two_daemons_one_sends_and_the_other_takes_over_after_kill_9() {
    let database = items(Pg::shared()).await;
    let hooks = Hooks::ok().await;
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""));
    let first = site.up().await;
    let second = site.start();
    second.says("not streaming; trying again").await;
    database.execute("insert into items (n) select generate_series(1, 50)").await;
    hooks.arrived(50).await;
    database.becomes_true("select count(*) = 50 from walhook.attempt").await;
    assert!(!second.log().contains("\"streaming\""), "{}", second.log());
    first.kill().await;
    let killed = std::time::Instant::now();
    database.execute("insert into items (n) select generate_series(51, 100)").await;
    let hooks = hooks.arrived(100).await;
    assert!(killed.elapsed() < Duration::from_secs(15), "{:?}", killed.elapsed());
    assert_eq!(first_arrivals(&hooks).len(), 100);
    assert_eq!(hooks.len(), 100, "what was logged is not sent again");
    second.stop().await;
}

#[tokio::test]
async fn a_holder_that_was_away_steps_back_when_another_has_the_slot() {
    let database = items(Pg::shared()).await;
    let hooks = Hooks::ok().await;
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""));
    let first = site.up().await;
    database.execute("insert into items (n) values (1)").await;
    hooks.arrived(1).await;
    let second = site.start();
    second.says("not streaming; trying again").await;
    first.signal("STOP").await;
    database
        .query(
            "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1",
            &[&database.name],
        )
        .await;
    second.says("streaming").await;
    first.signal("CONT").await;
    first.says("replication broke").await;
    database.execute("insert into items (n) select generate_series(2, 21)").await;
    let hooks = hooks.until(|hooks| first_arrivals(hooks).len() == 21).await;
    database.becomes_true("select count(*) = 0 from walhook.pending").await;
    let repeats = hooks.len() - 21;
    assert!(repeats <= 1, "{repeats} repeats of {:?}", numbers(&hooks));
    second.kill().await;
    first.says_again("streaming", 2).await;
    first.stop().await;
}

#[tokio::test]
async fn a_killed_walsender_costs_nothing() {
    let database = items(Pg::shared()).await;
    let hooks = Hooks::ok().await;
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""));
    let daemon = site.up().await;
    for round in 1..=3 {
        database.execute("insert into items (n) select generate_series(1, 30)").await;
        hooks.arrived(round * 30 - 15).await;
        database
            .query(
                "select pg_terminate_backend(active_pid) from pg_replication_slots \
                 where slot_name = $1 and active_pid is not null",
                &[&database.name],
            )
            .await;
        daemon.says_again("replication streams again", round).await;
    }
    database.execute("insert into items (n) values (0)").await;
    let hooks = hooks.until(|hooks| first_arrivals(hooks).len() == 91).await;
    assert_eq!(hooks.len(), 91, "the same process sends nothing twice");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarts_is_met_again_without_an_operator() {
    for immediately in [false, true] {
        let pg = Pg::start();
        let database = items(&pg).await;
        let hooks = Hooks::ok().await;
        let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""));
        let daemon = site.up().await;
        database.execute("insert into items (n) select generate_series(1, 200)").await;
        hooks.arrived(100).await;
        tokio::task::block_in_place(|| {
            if immediately {
                pg.cluster().stop_immediate();
            }
            pg.cluster().restart().unwrap();
        });
        let again = database.connect().await;
        again
            .client
            .batch_execute("insert into items (n) select generate_series(201, 300)")
            .await
            .unwrap();
        let hooks = hooks.until(|hooks| first_arrivals(hooks).len() == 300).await;
        assert_eq!(hooks.len(), 300, "the same process sends nothing twice");
        daemon.stop().await;
        let logged =
            again.client.query_one("select count(*) from walhook.attempt", &[]).await.unwrap();
        assert_eq!(logged.get::<_, i64>(0), 300);
    }
}

#[tokio::test]
async fn a_reader_of_the_log_does_not_keep_the_daemon_from_starting() {
    let database = items(Pg::shared()).await;
    let hooks = Hooks::ok().await;
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""));
    site.init().await;
    // A partition is missing, and to attach it nobody may be reading the default one.
    let last: String = database
        .query_one("select max(relname) from pg_class where relname ~ '^attempt_[0-9]{8}$'", &[])
        .await;
    database.execute(&format!("drop table walhook.{last}")).await;
    let report = database.connect().await;
    report.client.batch_execute("begin; select count(*) from walhook.webhook_log").await.unwrap();
    let daemon = site.run().await;
    database.execute("insert into items (n) values (1)").await;
    hooks.arrived(1).await;
    database.becomes_true("select count(*) = 1 from walhook.attempt").await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_slot_that_moved_on_while_replication_was_broken_is_a_gap() {
    let database = items(Pg::shared()).await;
    let hooks = Hooks::ok().await;
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""));
    let daemon = site.up().await;
    database.execute("insert into items (n) values (1)").await;
    hooks.arrived(1).await;
    daemon.signal("STOP").await;
    let name = &database.name;
    database
        .execute(&format!(
            "select pg_terminate_backend(active_pid) from pg_replication_slots \
             where slot_name = '{name}'; \
             insert into items (n) values (2)"
        ))
        .await;
    let free =
        format!("select active_pid is null from pg_replication_slots where slot_name = '{name}'");
    database.becomes_true(&free).await;
    database
        .execute(&format!("select pg_replication_slot_advance('{name}', pg_current_wal_lsn())"))
        .await;
    daemon.signal("CONT").await;
    database.becomes_true("select count(*) = 1 from walhook.alert where kind = 'gap'").await;
    daemon.says_again("streaming", 2).await;
    database.execute("insert into items (n) values (3)").await;
    let hooks = hooks.arrived(2).await;
    assert_eq!(hooks.iter().map(|hook| hook.number("n")).collect::<Vec<_>>(), [1, 3]);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fast_shutdown_of_the_server_does_not_wait_for_the_daemon() {
    let pg = Pg::start();
    let database = items(&pg).await;
    let hooks = Hooks::ok().await;
    let site = Site::new(&database, &["public.items"], &endpoint("crm", &hooks.url("/"), ""));
    let daemon = site.up().await;
    database.execute("insert into items (n) values (1)").await;
    hooks.arrived(1).await;
    let began = std::time::Instant::now();
    tokio::task::block_in_place(|| pg.cluster().stop());
    // Longer, and the cluster is stopped as by a crash.
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    tokio::task::block_in_place(|| pg.cluster().restart().unwrap());
    let again = database.connect().await;
    again.client.batch_execute("insert into items (n) values (2)").await.unwrap();
    hooks.arrived(2).await;
    daemon.stop().await;
}
