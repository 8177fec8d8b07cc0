//! A cut network, as the kernel cuts it: the daemon in a network namespace of its own, and the
//! cable to PostgreSQL pulled. For root on Linux with iproute2; elsewhere `network_cut` has to do.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a test that is skipped says so")]

mod support;

use std::io::Write as _;
use std::process::{Command, Stdio};

use support::daemon::{Site, endpoint};
use support::hooks::{Hooks, Reply};
use support::pg::Pg;

/// A network namespace with two cables to this one; removed when dropped.
struct Namespace {
    name: String,
    cables: [String; 2],
    net: u32,
}

impl Namespace {
    /// `None` where that is not allowed or there is no `ip`.
    fn make() -> Option<Self> {
        let number = std::process::id();
        let name = format!("walhook-{number}");
        let net = number % 250;
        let cables = ["d", "h"].map(|kind| format!("wh{kind}{number}"));
        ip(&format!("netns add {name}"))?;
        let made = Self { name, cables, net };
        for (side, cable) in made.cables.iter().enumerate() {
            let Self { name, .. } = &made;
            let (here, there) = (made.address(side), made.address_inside(side));
            ip(&format!("link add {cable} type veth peer name {cable}i netns {name}"))?;
            ip(&format!("addr add {here}/30 dev {cable}"))?;
            ip(&format!("link set {cable} up"))?;
            ip(&format!("-n {name} addr add {there}/30 dev {cable}i"))?;
            ip(&format!("-n {name} link set {cable}i up"))?;
        }
        Some(made)
    }

    /// This side's address of a cable.
    fn address(&self, side: usize) -> String {
        format!("10.213.{}.{}", self.net, 4 * side + 1)
    }

    fn address_inside(&self, side: usize) -> String {
        format!("10.213.{}.{}", self.net, 4 * side + 2)
    }

    /// Pulls the cable to PostgreSQL, or plugs it in.
    fn set_database_cable(&self, state: &str) {
        ip(&format!("link set {} {state}", self.cables[0])).unwrap();
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Its ends of the cables go with it, and the other ends with them.
        let _ = ip(&format!("netns del {}", self.name));
    }
}

fn ip(arguments: &str) -> Option<()> {
    let ended = Command::new("ip").args(arguments.split(' ')).stderr(Stdio::null()).status();
    ended.is_ok_and(|status| status.success()).then_some(())
}

#[tokio::test]
async fn a_cut_network_is_noticed_and_costs_nothing() {
    let Some(namespace) = Namespace::make() else {
        println!("skipped: no network namespace can be made here");
        return;
    };
    let addresses = format!("127.0.0.1,{}", namespace.address(0));
    let pg = Pg::start_with(&[("listen_addresses", &addresses), ("wal_sender_timeout", "2s")]);
    let database = pg.database().await;
    let hba = pg.cluster().data_dir().join("pg_hba.conf");
    let mut hba = std::fs::OpenOptions::new().append(true).open(hba).unwrap();
    writeln!(hba, "host all all 10.213.0.0/16 trust").unwrap();
    database.execute("select pg_reload_conf()").await;
    database
        .execute("create table items (id bigint generated always as identity primary key)")
        .await;
    let hooks =
        Hooks::start_on(&format!("{}:0", namespace.address(1)), |_| Reply::Status(200)).await;
    let url = database.url.replace("127.0.0.1", &namespace.address(0));
    let url = url + "?connect_timeout=2&tcp_user_timeout=3000";
    let config = endpoint("crm", &hooks.url("/"), "");
    let site = Site::at((&url, &database.name), &["public.items"], &config)
        .with_variable("WALHOOK_SECURITY__ALLOW_CIDRS", "[\"10.213.0.0/16\"]")
        .within(&["ip", "netns", "exec", &namespace.name]);
    let daemon = site.up().await;
    let insert = "insert into items select from generate_series(1, 200)";
    for round in 1..=2 {
        database.execute(insert).await;
        hooks.arrived(round * 400 - 300).await;
        namespace.set_database_cable("down");
        database.execute(insert).await;
        daemon.says_again("replication broke", round).await;
        namespace.set_database_cable("up");
        daemon.says_again("replication streams again", round).await;
        let arrived = hooks.arrived(round * 400).await;
        assert_eq!(arrived.len(), round * 400, "the same process sends nothing twice");
    }
    database.becomes_true("select count(*) = 800 from walhook.attempt").await;
    daemon.stop().await;
    assert_eq!(database.statuses("crm").await, "success 800");
    assert_eq!(hooks.len(), 800);
}
