//! The command line as scripts see it: output, exit codes, pipes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn walhook(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_walhook"));
    command.args(arguments).env_remove("WALHOOK_SECRET").env_remove("RUST_LOG");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = walhook(arguments).spawn().expect("walhook starts");
    // A command that refuses its flags does not read its input.
    let _ = child.stdin.take().expect("it is piped").write_all(input);
    child.wait_with_output().expect("walhook ends")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("output is text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("output is text")
}

#[test]
fn the_version_is_the_packages() {
    let output = run(&["--version"], b"");
    assert_eq!(stdout(&output), format!("walhook {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn usage_errors_exit_with_2_and_help_with_0() {
    for arguments in
        [&["nonsense"][..], &["run", "--nonsense"], &["demo", "--exit-after", "20"], &[]]
    {
        let output = run(arguments, b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(!output.stderr.is_empty() && output.stdout.is_empty());
    }
    let help = run(&["help"], b"");
    assert_eq!(help.status.code(), Some(0));
    for name in ["demo", "init", "check", "run", "status", "tail", "listen", "sign", "verify"] {
        assert!(stdout(&help).contains(name), "{name}");
    }
}

#[test]
fn an_unreadable_log_filter_is_a_configuration_error() {
    let mut child = walhook(&["status"]).env("RUST_LOG", "=!=").spawn().expect("walhook starts");
    assert_eq!(child.wait().expect("walhook ends").code(), Some(2));
}

#[test]
fn what_is_signed_verifies_under_every_profile() {
    for profile in ["x-webhook", "standard", "body", "x-signature"] {
        let sign = ["sign", "--secret", SECRET, "--profile", profile, "--id", "evt_1"];
        let signed = run(&sign, b"{\"a\":1}");
        assert_eq!(signed.status.code(), Some(0), "{}", stderr(&signed));
        let headers = stdout(&signed);
        let mut verify = vec!["verify", "--secret", "older", "--secret", SECRET];
        verify.extend(headers.lines().flat_map(|header| ["--header", header]));
        let verified = run(&verify, b"{\"a\":1}");
        assert_eq!(stdout(&verified), format!("verified ({profile})\n"));
        assert_eq!(verified.status.code(), Some(0));
        let tampered = run(&verify, b"{\"a\":2}");
        assert!(stdout(&tampered).contains("no signature matches"), "{}", stdout(&tampered));
        assert_eq!(tampered.status.code(), Some(1));
    }
}

#[test]
fn the_published_vector_is_reproduced() {
    let output = run(
        &[
            "sign",
            "--secret",
            SECRET,
            "--profile",
            "standard",
            "--id",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "--timestamp",
            "1614265330",
        ],
        br#"{"test": 2432232314}"#,
    );
    let expected = "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\n";
    assert!(stdout(&output).starts_with(expected), "{}", stdout(&output));
}

#[test]
fn verify_says_which_check_failed() {
    let signature = "x-webhook-signature: sha256=00";
    for (arguments, expected) in [
        (&[][..], "no signature header of any known profile"),
        (&["-H", signature][..], "no X-Webhook-Timestamp header"),
        (&["-H", signature, "--timestamp", "hello"][..], "not digits"),
        (&["-H", signature, "--timestamp", "1", "--now", "302"][..], "301 s old"),
        (&["-H", signature, "--timestamp", "302", "--now", "1"][..], "301 s in the future"),
        (&["-H", signature, "--timestamp", "1", "--now", "1"][..], "no signature matches"),
        (&["--profile", "standard", "-H", signature][..], "no webhook-id header"),
    ] {
        let output = run(&[&["verify", "--secret", "s"], arguments].concat(), b"{}");
        assert!(stdout(&output).contains(expected), "{arguments:?}: {}", stdout(&output));
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn a_final_newline_that_spoils_a_signature_is_named() {
    let headers = stdout(&run(&["sign", "--secret", "s", "--profile", "body"], b"{}"));
    let output = run(&["verify", "--secret", "s", "-H", headers.trim()], b"{}\n");
    assert!(stdout(&output).contains("without its final newline"), "{}", stdout(&output));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn secrets_are_never_printed() {
    for arguments in [
        &["sign", "--secret", "whsec_!hunter2", "--profile", "standard", "--id", "x"][..],
        &["verify", "--secret", "whsec_!hunter2", "-H", "webhook-signature: v1,AA"],
        &["verify", "--secret", "hunter2", "--profile", "hunter"],
        &["listen", "--secret", "hunter2", "--port", "70000"],
    ] {
        let output = walhook(arguments).env("RUST_LOG", "trace").output().expect("walhook runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        let said = stdout(&output) + &stderr(&output);
        assert!(!said.contains("hunter2"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_closed_pipe_ends_a_command_quietly() {
    let mut child = walhook(&["sign", "--secret", "s"]).spawn().expect("walhook starts");
    drop(child.stdout.take());
    child.stdin.take().expect("it is piped").write_all(b"{}").expect("walhook reads");
    let output = child.wait_with_output().expect("walhook ends");
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
}

/// A running `walhook listen`, killed when dropped.
struct Listening {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
    address: String,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(arguments: &[&str]) -> Listening {
    let mut child =
        walhook(&[&["listen", "--port", "0"], arguments].concat()).spawn().expect("walhook starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut first = String::new();
    lines.read_line(&mut first).expect("walhook prints");
    let address = first.trim().strip_prefix("listening on http://").expect("it says where");
    let address = address.split(',').next().unwrap_or_default().to_owned();
    Listening { child, lines, address }
}

impl Listening {
    fn post(&self, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("walhook listens");
        let length = body.len();
        write!(
            stream,
            "POST /hooks HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        )
        .expect("the request is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("walhook answers");
        answer.lines().next().unwrap_or_default().to_owned()
    }

    fn next_lines(&mut self, count: usize) -> String {
        let mut text = String::new();
        for _ in 0..count {
            self.lines.read_line(&mut text).expect("walhook prints");
        }
        text
    }
}

#[test]
fn listen_verifies_prints_and_answers() {
    let mut listening = listen(&["--secret", "s"]);
    let body = r#"{"id":"evt_1","total":"1.10"}"#;
    let signature =
        stdout(&run(&["sign", "--secret", "s", "--profile", "x-signature"], body.as_bytes()));
    let facts =
        "X-Webhook-Event: order.created\r\nX-Webhook-Event-Id: evt_1\r\nX-Webhook-Attempt: 2\r\n";
    let headers = format!("{facts}{}\r\n", signature.trim());
    assert_eq!(listening.post(&headers, body), "HTTP/1.1 200 OK");
    assert_eq!(
        listening.next_lines(7),
        "\n#1 POST /hooks  order.created  evt_1  attempt 2\n\
         verified (x-signature), answered 200\n{\n  \"id\": \"evt_1\",\n  \"total\": \"1.10\"\n}\n"
    );
    assert_eq!(listening.post(&headers, "{}"), "HTTP/1.1 401 Unauthorized");
    assert!(listening.next_lines(4).contains("refused (x-signature): no signature matches"));
}

#[test]
fn listen_plays_a_bad_receiver() {
    let listening = listen(&["--status", "503", "--delay", "1ms"]);
    assert_eq!(listening.post("", "{}"), "HTTP/1.1 503 Service Unavailable");
}

#[test]
fn listen_ends_quietly_when_its_reader_has_gone() {
    let mut listening = listen(&[]);
    let address = listening.address.clone();
    let child = &mut listening.child;
    // Closing the pipe and then a request: printing it fails, and that is the end.
    drop(std::mem::replace(&mut listening.lines, BufReader::new(closed_pipe())));
    let mut stream = TcpStream::connect(address).expect("walhook listens");
    write!(stream, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("it is sent");
    assert_eq!(child.wait().expect("walhook ends").code(), Some(0));
}

/// Output of a process that has none.
fn closed_pipe() -> std::process::ChildStdout {
    let mut child = walhook(&["nonsense"]).spawn().expect("walhook starts");
    let output = child.stdout.take().expect("it is piped");
    child.wait().expect("walhook ends");
    output
}
