//! What README.md tells people to type and to write, held to what works.

mod support;

use std::process::Command;

use support::pg::Pg;
use walhook::config::{Config, Environment};

const README: &str = include_str!("../README.md");

/// The fenced blocks of `language`, in order.
fn blocks(language: &str) -> Vec<&'static str> {
    let fenced = README.split("\n```").skip(1).step_by(2);
    let of_language = fenced.filter_map(|block| block.split_once('\n'));
    of_language.filter(|(name, _)| *name == language).map(|(_, text)| text).collect()
}

#[test]
fn the_quick_start_is_exactly_two_commands() {
    assert_eq!(blocks("sh")[0], "./dev demo\n./dev test");
}

#[test]
fn every_subcommand_and_flag_named_exists() {
    let lines = blocks("sh").into_iter().flat_map(str::lines);
    let mut count = 0;
    for line in lines.filter(|line| line.starts_with("walhook ")) {
        let line = line.split(" #").next().unwrap_or(line);
        let mut words = line.split_whitespace().skip(1);
        let command = words.next().expect("a subcommand");
        let help = Command::new(env!("CARGO_BIN_EXE_walhook")).args([command, "--help"]).output();
        let help = String::from_utf8(help.expect("walhook runs").stdout).expect("help is text");
        assert!(!help.is_empty(), "{line}");
        for flag in words.filter(|word| word.starts_with('-')) {
            assert!(help.contains(flag), "{line}: no {flag} in\n{help}");
        }
        count += 1;
    }
    assert!(count >= 5, "only {count} commands found");
}

#[tokio::test]
async fn its_configuration_loads_and_its_queries_run() {
    let database = Pg::shared().database().await;
    database.execute("create table orders (id bigint primary key, email text, status text)").await;
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("config.toml");
    std::fs::write(&path, blocks("toml")[0]).expect("it can be written");
    let variables = [("DATABASE_URL", database.url.as_str()), ("CRM_SECRET", "whsec_YQ==")];
    let config = Config::load(Some(&path), &variables.into_iter().collect::<Environment>());
    assert!(config.is_ok(), "{}", config.unwrap_err());

    let init = Command::new(env!("CARGO_BIN_EXE_walhook"))
        .args(["init", "--config"])
        .arg(&path)
        .envs(variables)
        .env("WALHOOK_DATABASE__SLOT", &database.name)
        .output()
        .expect("walhook runs");
    assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
    // As the daemon would, of the file.
    database
        .execute("select walhook.create_endpoint('crm', 'https://crm.example.com/hooks')")
        .await;
    let queries = blocks("sql");
    assert!(queries.len() >= 2);
    for query in queries {
        database.execute(query).await;
    }
}
