//! However a file is broken, what is said of it never tells a secret, and nothing panics.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use walhook::config::{Config, Environment};

/// Every kind of secret in every notation. A test that breaks a byte inside one looks for the
/// other half.
const SEEDED: &str = r##"# an old password: hunter2hunter2
[database] # hunter2hunter2
url = "postgres://walhook:hunter2hunter2@localhost/shop?sslcert=hunter2hunter2" # hunter2hunter2
slot = "walhook" # hunter2hunter2

[models."store.Order"]
table = "public.orders"
user = { id = "updated_by" }

[delivery]
timeout = "30s"
headers = { "X-Key" = "hunter2hunter2", Cookie = 'hunter2hunter2', "X-Env" = "hunter2hunter2" }

[[endpoints]]
name = "crm"
url = "https://alice:hunter2hunter2@crm.example.com/hooks?token=hunter2hunter2&x=1"
secrets = ["hunter2hunter2", 'hunter2hunter2', "hunter2hunter2"] # hunter2hunter2
timeout = "10s"
retry = { schedule = ["1m", "5m"], jitter = 0.1 }

[[endpoints]]
name = "erp"
url = "https://erp.example.com/hooks"
secrets = [
  "hunter2hunter2", # hunter2hunter2
  "hunter2hunter2",
]
auth = { type = "basic", username = "hunter2hunter2", password = "hunter2hunter2" }
max_in_flight = 4

[endpoints.headers]
"X-API-Key" = "hunter2hunter2"
X-Other = """
hunter2hunter2"""

[[endpoints]]
name = "bi"
url = "https://bi.example.com/hooks"
events = ["order.*"]
method = "PUT"
[endpoints.auth]
type = "bearer"
token = "hunter2hunter2"

[[endpoints]]
name = "oa"
url = "https://x"
auth = { type = "oauth2", client_id = "hunter2hunter2", client_secret = "hunter2hunter2", token_url = "https://x/hunter2hunter2" }

[ops]
listen = "127.0.0.1:9090"
token = "hunter2hunter2"

[inbound.sources.acme]
secrets = ["hunter2hunter2:", 'hunter2hunter2:']
public_url = "https://bob:hunter2hunter2@example.com/?hunter2hunter2"
verify_token = "hunter2hunter2"
verify.alg = "basic"
verify.handshake = "meta"
verify.signature = { from = "h:Authorization", prefix = "Basic " }
[alerts]
url = "https://x/hunter2hunter2"
"##;

const SECRET_HALF: &str = "hunter2";

/// What a byte is replaced by: the characters that carry TOML's structure, and one that carries
/// none.
const REPLACEMENTS: &[u8] = b"\"'#=\n[]{},.\\ a&";
/// What is put before a byte.
const INSERTIONS: &[u8] = b"\"'#=\n,";

struct File {
    _directory: tempfile::TempDir,
    path: PathBuf,
    environment: Environment,
}

impl File {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("config.toml");
        Self { _directory: directory, path, environment: Environment::default() }
    }

    /// Everything that loading `text` makes anyone see.
    fn seen(&self, text: &[u8]) -> String {
        std::fs::write(&self.path, text).expect("the file can be written");
        match Config::load(Some(Path::new(&self.path)), &self.environment) {
            Err(faults) => format!("{faults}{faults:?}"),
            Ok(config) => {
                let warnings: String = config.warnings.iter().map(ToString::to_string).collect();
                format!("{warnings}{config:?}")
            }
        }
    }
}

fn assert_silent(file: &File, text: &[u8]) {
    let seen = file.seen(text);
    assert!(!seen.contains(SECRET_HALF), "{}\n\n{seen}", String::from_utf8_lossy(text));
}

#[test]
fn the_seeded_file_is_good_and_its_secrets_are_not_seen() {
    let file = File::new();
    std::fs::write(&file.path, SEEDED).expect("the file can be written");
    let config = Config::load(Some(&file.path), &file.environment)
        .unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.endpoints.len(), 4);
    assert_silent(&file, SEEDED.as_bytes());
}

#[test]
fn no_single_broken_byte_makes_a_secret_seen() {
    const THREADS: usize = 4;
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                let file = File::new();
                (thread..SEEDED.len()).step_by(THREADS).for_each(|at| break_byte(&file, at));
            });
        }
    });
}

fn break_byte(file: &File, at: usize) {
    let (before, from) = SEEDED.as_bytes().split_at(at);
    let after = &from[1..];
    assert_silent(file, &[before, after].concat());
    for byte in REPLACEMENTS {
        assert_silent(file, &[before, &[*byte], after].concat());
    }
    for byte in INSERTIONS {
        assert_silent(file, &[before, &[*byte], from].concat());
    }
}

#[test]
fn no_cut_or_doubled_line_makes_a_secret_seen() {
    let file = File::new();
    let lines: Vec<&str> = SEEDED.lines().collect();
    for at in 0..lines.len() {
        let without: Vec<&str> =
            lines.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, line)| *line).collect();
        assert_silent(&file, without.join("\n").as_bytes());
        let twice: Vec<&str> = lines[..=at].iter().chain(&lines[at..]).copied().collect();
        assert_silent(&file, twice.join("\n").as_bytes());
        assert_silent(&file, lines[..at].join("\n").as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_mutation_panics(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0usize..40), 1..8),
        noise in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let mut text = SEEDED.as_bytes().to_vec();
        for (from, to, length) in edits {
            let source = from.index(text.len());
            let part: Vec<u8> = text[source..(source + length).min(text.len())].to_vec();
            let target = to.index(text.len());
            let end = (target + length / 2).min(text.len());
            text.splice(target..end, part.into_iter().chain(noise.iter().copied().take(length % 3)));
            if text.is_empty() {
                text.push(b'\n');
            }
        }
        File::new().seen(&text);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        File::new().seen(text.as_bytes());
    }

    #[test]
    fn no_nesting_panics(depth in 0usize..3000, open in prop::sample::select(vec!["[", "{a=", "a.", "[[a]]\n", "x=[", "x={a="])) {
        File::new().seen(open.repeat(depth).as_bytes());
    }
}
