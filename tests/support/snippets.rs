//! The programs of `docs/receiving.md`, extracted and run.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use tempfile::TempDir;

/// A language of the page.
#[derive(Clone, Copy, Debug)]
pub enum Language {
    Python,
    Node,
}

/// All languages.
pub const LANGUAGES: [Language; 2] = [Language::Python, Language::Node];

impl Language {
    /// Program, server file, verifier file, mark of a comment.
    fn names(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Python => ("python3", "server.py", "verify.py", "#"),
            Self::Node => ("node", "server.mjs", "verify.mjs", "//"),
        }
    }
}

/// A receiver of the page, running; it is ended when dropped.
pub struct Snippet {
    child: Child,
    lines: Receiver<String>,
    /// Where it listens.
    pub port: u16,
    _home: TempDir,
}

impl Snippet {
    /// Starts the receiver for `profile` that believes `secrets`.
    pub fn start(language: Language, profile: &str, secrets: &[&str]) -> Self {
        let (program, server, verifier, mark) = language.names();
        let home = TempDir::new().expect("a directory can be made");
        for (file, marker) in [
            (server, format!("{mark} {server}")),
            (verifier, format!("{mark} {verifier} for {profile}")),
        ] {
            fs::write(home.path().join(file), block(&marker)).expect("it can be written");
        }
        let mut child = Command::new(program)
            .arg(server)
            .current_dir(home.path())
            .env("WEBHOOK_SECRETS", secrets.join(" "))
            .env("PORT", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // Its refusals; a test that fails has its own words.
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} must be installed for this test: {error}"));
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, lines) = mpsc::channel();
        // Ends with the program's output, or when nobody wants the lines any more.
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let mut snippet = Self { child, lines, port: 0, _home: home };
        let first = snippet.next_line();
        let port = first.strip_prefix("listening on ").and_then(|port| port.parse().ok());
        snippet.port = port.unwrap_or_else(|| panic!("{server} did not start: {first:?}"));
        snippet
    }

    /// The next line it prints: `handled evt_… order.created`. Waits for it.
    pub fn next_line(&mut self) -> String {
        self.lines.recv_timeout(Duration::from_secs(30)).expect("it prints a line in time")
    }
}

impl Drop for Snippet {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The fenced block of the page whose first line is `marker`.
fn block(marker: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/receiving.md");
    let page = fs::read_to_string(page).expect("the page is there");
    let mut blocks = page.split("\n```").skip(1).step_by(2);
    let found = blocks.find_map(|block| {
        let (_, text) = block.split_once('\n')?;
        (text.lines().next() == Some(marker)).then(|| format!("{text}\n"))
    });
    found.unwrap_or_else(|| panic!("docs/receiving.md has no block that begins with {marker:?}"))
}
