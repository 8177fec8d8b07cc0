//! One run of the `postgres` process: started, watched, ended.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use super::account::Account;

/// Recovery of a throwaway cluster takes a second or two; a machine busy with many others
/// may need much longer.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A fast shutdown waits for walsenders, and those for clients that may hang. On a machine busy
/// with other tests it takes seconds without that.
const FAST_STOP_LIMIT: Duration = Duration::from_secs(20);

/// An immediate shutdown only waits for the kernel.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// When our process goes away without dropping the server (a kill, a static in a test),
/// standard input ends; then the server must go too, and its directory.
const GUARDIAN: &str = r#"read -r _
kill -QUIT "$1" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$1" 2>/dev/null || break; sleep 0.2; done
rm -rf -- "$2""#;

/// A running server process.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    guardian: Option<Child>,
    /// Gets a word when the server accepts connections; hangs up when the last server process
    /// has closed its end of the log.
    events: Receiver<()>,
}

/// How to end the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Disconnects clients, writes a checkpoint.
    Fast,
    /// Like a crash.
    Immediate,
}

impl Server {
    /// Starts `postgres` and waits until it accepts connections. `None`: it did not come up,
    /// and `log` says why.
    pub(super) fn start(
        command: &mut Command,
        account: Account,
        home: &Path,
        log: &Path,
    ) -> std::io::Result<Option<Self>> {
        account.apply(command);
        // A process group of its own, so that Ctrl-C in a terminal ends walhook first.
        command.process_group(0).current_dir(home).env("LC_ALL", "C");
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let (sender, events) = mpsc::channel();
        if let Some(stderr) = child.stderr.take() {
            std::thread::Builder::new()
                .name("postgres-log".to_owned())
                .spawn(move || keep_log(stderr, log, &sender))?;
        }
        let mut server = Self { child, guardian: None, events };
        server.guardian = server.guard(account, home).ok();
        Ok((server.events.recv_timeout(START_LIMIT).is_ok()).then_some(server))
    }

    /// Process id of the postmaster.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends the server: a fast stop that takes too long becomes an immediate one, and that a
    /// kill.
    pub(super) fn stop(&mut self, how: Stop) {
        // The guardian goes first: it must not signal a process id that is someone else's.
        if let Some(mut guardian) = self.guardian.take() {
            let _ = guardian.kill();
            let _ = guardian.wait();
        }
        if how == Stop::Fast && self.signal("INT") && self.ended_within(FAST_STOP_LIMIT) {
            let _ = self.child.wait();
            return;
        }
        if !(self.signal("QUIT") && self.ended_within(STOP_LIMIT)) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }

    /// `std` only knows SIGKILL, after which shared memory and children would stay behind.
    fn signal(&mut self, name: &str) -> bool {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return true;
        }
        // The shell's own kill: not every image has the program.
        let mut shell = Command::new("sh");
        shell.args(["-c", "kill -\"$0\" \"$1\"", name]).arg(self.pid().to_string());
        shell.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    fn ended_within(&self, limit: Duration) -> bool {
        loop {
            match self.events.recv_timeout(limit) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => return true,
            }
        }
    }

    fn guard(&self, account: Account, home: &Path) -> std::io::Result<Child> {
        let mut guardian = Command::new("sh");
        guardian.args(["-c", GUARDIAN, "walhook-guardian"]).arg(self.pid().to_string()).arg(home);
        account.apply(&mut guardian);
        guardian.process_group(0).current_dir("/");
        guardian.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop(Stop::Fast);
    }
}

/// Copies the server's messages into its log file, and tells when it is ready.
fn keep_log(stderr: ChildStderr, mut log: File, sender: &Sender<()>) {
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        // A full disk must not block the server on a full pipe: keep reading.
        let _ = log.write_all(&line);
        if line.windows(READY.len()).any(|window| window == READY) {
            let _ = sender.send(());
        }
        line.clear();
    }
}

/// The postmaster's word, in the C locale, once its sockets answer.
const READY: &[u8] = b"database system is ready to accept connections";

/// The last lines of a log, for an error message.
pub(super) fn tail(log: &Path) -> String {
    let mut text = String::new();
    if let Ok(file) = File::open(log) {
        let start = fs::metadata(log).map_or(0, |meta| meta.len().saturating_sub(8192));
        let mut bytes = Vec::new();
        let mut file = BufReader::new(file);
        if std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(start)).is_ok()
            && file.take(8192).read_to_end(&mut bytes).is_ok()
        {
            text = String::from_utf8_lossy(&bytes).into_owned();
        }
    }
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
