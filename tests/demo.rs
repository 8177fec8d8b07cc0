//! `walhook demo` as a stranger meets it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};

fn demo(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_walhook"))
        .arg("demo")
        .args(arguments)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("walhook starts")
}

fn finished(child: Child) -> (Output, String, String) {
    let output = child.wait_with_output().expect("walhook ends");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("output is text");
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    (output, said, complained)
}

/// The directory of the demo's configuration, which must be gone at the end.
fn home(said: &str) -> &str {
    let line = said.lines().find_map(|line| line.split_once("walhook run -c "));
    line.and_then(|(_, path)| path.strip_suffix("/config.toml")).expect("the scene is described")
}

#[test]
fn every_delivery_arrives_verified_and_nothing_stays_behind() {
    let (output, said, complained) = finished(demo(&["--events", "16"]));
    assert_eq!(output.status.code(), Some(0), "{said}{complained}");
    assert!(said.contains("\n16 of 16 deliveries arrived and verified"), "{said}");
    assert!(said.contains("0 refused, 0 unexpected"), "{said}");
    assert_eq!(said.matches("log      success, HTTP 200, attempts: 1").count(), 12, "{said}");
    assert!(!said.contains("\"ada.lovelace@"), "what is masked shows in no delivery: {said}");
    assert_eq!(complained, "");
    assert!(!std::path::Path::new(home(&said)).exists());
}

#[test]
fn it_ends_by_itself_after_a_time() {
    let (output, said, complained) = finished(demo(&["--exit-after", "2s"]));
    assert_eq!(output.status.code(), Some(0), "{said}{complained}");
    assert!(said.contains("deliveries arrived and verified"), "{said}");
}

#[test]
fn ctrl_c_ends_it_well() {
    let mut child = demo(&[]);
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut said = String::new();
    while !said.contains("log      success") {
        assert!(lines.read_line(&mut said).expect("it prints text") > 0, "{said}");
    }
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupt.expect("kill is there").success());
    lines.read_to_string(&mut said).expect("it prints text");
    assert_eq!(child.wait().expect("walhook ends").code(), Some(0), "{said}");
    assert!(said.contains("deliveries arrived and verified"), "{said}");
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let mut child = demo(&[]);
    let mut line = String::new();
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped"));
    lines.read_line(&mut line).expect("it prints text");
    drop(lines);
    let (output, _, complained) = finished(child);
    assert_eq!((output.status.code(), complained.as_str()), (Some(0), ""));
}
