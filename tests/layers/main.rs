//! The shape of the source tree, checked: who may import whom, how long files may be, where SQL
//! may stand.
//!
//! The checker reads tokens, not text, so comments and strings cannot fool it, and it is itself
//! tested on sources that break each rule.

mod rules;
mod source;

use std::path::Path;

use rules::{Rules, violations};
use source::{File, tree};

/// A module imports only from lower ranks; modules of one rank never import each other.
const RANKS: &[&[&str]] = &[
    // Words.
    &["condition", "lsn", "metrics", "secret", "shutdown", "value"],
    &["template"],
    &["change", "endpoint", "predicate", "sign"],
    &["event"],
    // Readers.
    &["config", "decode"],
    // Edges to PostgreSQL.
    &["replication", "store"],
    // Stages.
    &["capture", "deliver", "inbound", "ledger", "route"],
    // Joins.
    &["admin", "pipeline"],
    // The whole; these meet in lib.rs.
    &["daemon", "cli", "demo"],
];

/// Crates that are a capability, and the only modules that have it.
const ONLY: &[(&str, &[&str])] = &[
    // `store` holds all SQL; `demo` plays the application whose rows change; `config` only reads
    // connection strings with it.
    ("tokio_postgres", &["store", "demo", "config"]),
    // `replication` alone speaks CopyBoth; `store` quotes with it.
    ("postgres_protocol", &["replication", "store"]),
    ("hyper_util::client", &["deliver"]),
    // `condition` reads SQL; nobody else needs a parser of it.
    ("sqlparser", &["condition"]),
    ("axum", &["admin", "inbound"]),
];

const RULES: Rules = Rules { ranks: RANKS, only: ONLY, most_lines: 500 };

#[test]
fn the_source_tree_keeps_its_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = tree(&root).expect("src can be read");
    assert!(files.len() > 20, "only {} files found under {}", files.len(), root.display());
    let found = violations(&RULES, &files);
    assert!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
}

/// Rules over two ranks, and what they find in `files` of path and text.
fn check(files: &[(&str, &str)]) -> Vec<String> {
    let ranks: &[&[&str]] = &[&["low", "lowest"], &["high"]];
    let rules = Rules { ranks, only: &[("tokio_postgres", &["low"])], most_lines: 10 };
    let mut all = vec![("low.rs", ""), ("lowest.rs", ""), ("high/mod.rs", "")];
    all.retain(|(path, _)| files.iter().all(|(other, _)| other != path));
    all.extend(files);
    let files: Vec<File> =
        all.iter().map(|(path, text)| File::parse(path, text).expect("the source lexes")).collect();
    violations(&rules, &files)
}

/// Asserts that the one finding in `files` holds `expected`.
fn finds(files: &[(&str, &str)], expected: &str) {
    let found = check(files);
    assert!(found.len() == 1 && found[0].contains(expected), "{files:?}: {found:#?}");
}

#[test]
fn an_import_from_a_lower_rank_is_fine() {
    assert_eq!(check(&[("high/mod.rs", "use crate::{low::X, lowest::{self, Y}};")]), [""; 0]);
}

#[test]
fn an_import_from_a_higher_or_the_same_rank_is_found_however_it_is_written() {
    for text in [
        "use crate::high::X;",
        "use crate::{lowest_is_no_module_here as _};",
        "use crate::{self as all};",
        "use crate::*;",
        "use crate as walhook;",
        "use super::high;",
        "use super::{high::{X, Y}};",
        "fn f() { crate::high::g() }",
        "fn f() { select! { x = crate::high::g() => {} } }",
        "mod inner { use super::super::high::X; }",
        "#[serde(with = \"crate::high::seconds\")] struct S;",
        "pub(crate) use crate::lowest::X;",
    ] {
        finds(&[("low.rs", text)], "low.rs:1");
    }
    finds(&[("high/mod.rs", "mod a;"), ("high/a.rs", "\nuse super::super::high2::X;")], "a.rs:2");
}

#[test]
fn a_module_may_use_itself_and_its_children() {
    let files = [
        ("high/mod.rs", "mod a; mod b; use a::X; pub(in crate::high) fn f() {}"),
        ("high/a.rs", "use super::Error; use crate::high::b::Y; use super::super::low;"),
        ("high/b.rs", "use super::Error;"),
    ];
    assert_eq!(check(&files), [""; 0]);
}

#[test]
fn siblings_that_import_each_other_are_a_cycle() {
    let files = [
        ("high/a.rs", "use super::b::X;"),
        ("high/b/mod.rs", ""),
        ("high/b/deep.rs", "use super::super::c::Z;"),
        ("high/c.rs", "use crate::high::a::Y;"),
    ];
    finds(&files, "cycle in high: a -> b -> c -> a");
}

#[test]
fn modules_and_the_list_of_ranks_must_agree() {
    finds(&[("stray.rs", "")], "stray is in no rank");
    let rules = Rules { ranks: &[&["gone"]], only: &[], most_lines: 10 };
    assert!(violations(&rules, &[])[0].contains("gone"));
}

#[test]
fn comments_strings_and_tests_are_not_imports() {
    let text = r##"
        // crate::high::X
        /// See [`crate::high::X`].
        const S: &str = "crate::high::X";
        #[cfg(test)] use crate::high::X;
        #[cfg(test)] #[allow(x)] mod tests { use crate::high::X; fn f() { x.unwrap() } }
        fn g(x: u8) -> Option<crate::lowest_of_all> { None }"##;
    let found = check(&[("low.rs", text)]);
    assert!(found.len() == 1 && found[0].contains("lowest_of_all"), "{found:#?}");
}

#[test]
fn a_test_module_in_a_file_of_its_own_is_left_alone() {
    let files = [("low.rs", "#[cfg(test)] mod tests;"), ("low/tests.rs", "use crate::high::X;")];
    assert_eq!(check(&files), [""; 0]);
}

#[test]
fn unwrap_outside_tests_is_found() {
    finds(&[("low.rs", "fn f(x: Option<u8>) -> u8 { x.unwrap() }")], ".unwrap()");
    assert_eq!(check(&[("low.rs", "fn f(x: Option<u8>) -> u8 { x.unwrap_or(1) }")]), [""; 0]);
}

#[test]
fn a_long_file_needs_a_written_reason() {
    let long = "\n".repeat(11);
    finds(&[("low.rs", &long)], "11 lines");
    let reasoned = format!("// Long because it is one table.\n{long}");
    assert_eq!(check(&[("low.rs", &reasoned)]), [""; 0]);
}

#[test]
fn sql_in_a_string_is_found_and_prose_is_not() {
    for sql in [
        "select id from orders",
        "  SELECT pg_sleep(1)",
        "insert into t values (1)",
        "update t set a = 1",
        "delete from t",
        "with x as (select 1) insert into t select 1",
        "copy t from stdin",
        "create table t (id int)",
    ] {
        finds(&[("low.rs", &format!("const S: &str = {sql:?};"))], "SQL");
    }
    for prose in [
        "select a profile",
        "updates come in sets",
        "update the set",
        "run: create publication walhook",
        "copy it",
        "alter table t replica identity full",
    ] {
        assert_eq!(
            check(&[("low.rs", &format!("const S: &str = {prose:?};"))]),
            [""; 0],
            "{prose}"
        );
    }
    let reasoned = "// SQL here because it is shown, not run.\nconst S: &str = \"delete from t\";";
    assert_eq!(check(&[("low.rs", reasoned)]), [""; 0]);
}

#[test]
fn a_capability_is_used_only_where_it_belongs() {
    finds(&[("high/mod.rs", "use tokio_postgres::Client;")], "tokio_postgres");
    finds(&[("high/mod.rs", "use {tokio_postgres as pg};")], "tokio_postgres");
    assert_eq!(check(&[("low.rs", "use tokio_postgres::Client;")]), [""; 0]);
}
