//! A throwaway PostgreSQL cluster: made, started, ended and removed by us. The demo and the
//! tests stand on it; nothing else in walhook starts a server.

mod account;
mod binaries;
mod server;

use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use percent_encoding::NON_ALPHANUMERIC;
use tempfile::TempDir;

use account::Account;
pub use binaries::Binaries;
use server::{Server, Stop};

/// Why there is no cluster.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the texts say what the fields are")]
pub enum ClusterError {
    #[error(
        "no PostgreSQL server programs found in PATH or in the usual places; install the server \
         package (Debian, Ubuntu: apt-get install postgresql; Fedora, RHEL: dnf install \
         postgresql-server; macOS: brew install postgresql@17)"
    )]
    NotInstalled,
    #[error(
        "PostgreSQL {major} in {} is too old; install the server package of PostgreSQL 15 or newer",
        directory.display()
    )]
    TooOld { directory: PathBuf, major: u32 },
    #[error(
        "PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody \
         to run it as"
    )]
    NoAccount,
    #[error("{program} failed: {output}")]
    Program { program: String, output: String },
    #[error("the server did not start; the end of its log {} says:\n{tail}", log.display())]
    NotStarted { log: PathBuf, tail: String },
    #[error("cannot use {}", path.display())]
    File { path: PathBuf, source: io::Error },
}

impl ClusterError {
    fn file(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }
}

/// What kind of cluster to start.
#[derive(Clone, Debug, Default)]
pub struct ClusterOptions {
    /// Whether commits survive a crash of the machine.
    pub fsync: bool,
    /// Password of the superuser `postgres`, asked for over TCP. `None`: whoever reaches the
    /// port is let in. The unix socket lies in a private directory and asks for none.
    pub password: Option<String>,
    /// Further settings for postgresql.conf; the last of one name counts.
    pub settings: Vec<(String, String)>,
    /// A data directory made by [`Cluster::initialise`], to be copied: much faster than initdb.
    /// Its password stays what it was.
    pub template: Option<PathBuf>,
    /// Environment of the server beyond that of this process.
    pub environment: Vec<(String, String)>,
}

/// A running cluster. Dropping it ends the server and removes all its files; if the process
/// dies first, a guardian does so.
#[derive(Debug)]
pub struct Cluster {
    // Ends before `home` is removed.
    server: Option<Server>,
    account: Account,
    binaries: Binaries,
    port: u16,
    password: Option<String>,
    environment: Vec<(String, String)>,
    home: TempDir,
}

impl Cluster {
    /// Makes a cluster and starts it on a free port of 127.0.0.1 and on a unix socket.
    /// Blocks until it accepts connections.
    ///
    /// # Errors
    /// If PostgreSQL is not installed or does not start; the text says what to do.
    pub fn start(options: ClusterOptions) -> Result<Self, ClusterError> {
        let binaries = Binaries::find()?;
        let (home, account) = make_home()?;
        let data = home.path().join("data");
        match &options.template {
            Some(template) => {
                account.copy(template, &data).map_err(|e| ClusterError::file(template, e))?;
            }
            None => initdb(&binaries, account, home.path(), options.password.as_deref())?,
        }
        let conf = data.join("postgresql.conf");
        append(&conf, &settings_text(&options)).map_err(|e| ClusterError::file(&conf, e))?;
        let ClusterOptions { password, environment, .. } = options;
        let mut cluster =
            Self { server: None, account, binaries, port: 0, password, environment, home };
        cluster.start_on_free_port()?;
        Ok(cluster)
    }

    /// Makes a data directory at `target`, without starting a server, as a template for
    /// [`ClusterOptions::template`].
    ///
    /// # Errors
    /// As for [`Cluster::start`].
    pub fn initialise(target: &Path, password: Option<&str>) -> Result<(), ClusterError> {
        let (home, account) = make_home()?;
        initdb(&Binaries::find()?, account, home.path(), password)?;
        // initdb runs in a place that the account can reach, which `target` need not be.
        let copied = Account::Own.copy(&home.path().join("data"), target);
        copied.map_err(|e| ClusterError::file(target, e))
    }

    /// URL of `database` for its superuser, over TCP.
    pub fn url(&self, database: &str) -> String {
        let encode = |text| percent_encoding::utf8_percent_encode(text, NON_ALPHANUMERIC);
        let password = self.password.as_deref().map(|p| format!(":{}", encode(p)));
        let (password, database) = (password.unwrap_or_default(), encode(database));
        format!("postgres://postgres{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// What to type to look into `database`.
    pub fn psql_line(&self, database: &str) -> String {
        format!("{} '{}'", self.binaries.psql(), self.url(database))
    }

    /// TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Directory of the unix socket.
    pub fn socket_dir(&self) -> &Path {
        self.home.path()
    }

    /// The cluster's data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// What the server has to say.
    pub fn log_file(&self) -> PathBuf {
        self.home.path().join("postgres.log")
    }

    /// Process id of the postmaster while it runs.
    pub fn postmaster_pid(&self) -> Option<u32> {
        self.server.as_ref().map(Server::pid)
    }

    /// Ends the server in order.
    pub fn stop(&mut self) {
        self.stop_how(Stop::Fast);
    }

    /// Ends the server as a crash would; the next start recovers.
    pub fn stop_immediate(&mut self) {
        self.stop_how(Stop::Immediate);
    }

    /// Ends the server, if it runs, and starts it on the same port.
    ///
    /// # Errors
    /// [`ClusterError::NotStarted`].
    pub fn restart(&mut self) -> Result<(), ClusterError> {
        self.stop();
        self.launch(self.port)
    }

    fn stop_how(&mut self, how: Stop) {
        if let Some(mut server) = self.server.take() {
            server.stop(how);
        }
    }

    fn start_on_free_port(&mut self) -> Result<(), ClusterError> {
        let mut tries = 0;
        loop {
            tries += 1;
            self.port = free_port().map_err(|e| ClusterError::file(self.home.path(), e))?;
            match self.launch(self.port) {
                // Somebody may have taken the port in between; only then another is any use.
                Err(ClusterError::NotStarted { .. }) if tries < 4 && is_taken(self.port) => {}
                Err(error) => {
                    // The log stays for whoever reads the error.
                    let _ = std::fs::remove_dir_all(self.data_dir());
                    self.home.disable_cleanup(true);
                    return Err(error);
                }
                Ok(()) => return Ok(()),
            }
        }
    }

    fn launch(&mut self, port: u16) -> Result<(), ClusterError> {
        let (home, log) = (self.home.path(), self.log_file());
        let mut command = Command::new(self.binaries.program("postgres"));
        command.arg("-D").arg(self.data_dir()).arg("-k").arg(home).args(["-p", &port.to_string()]);
        command.envs(self.environment.iter().cloned());
        let started = Server::start(&mut command, self.account, home, &log);
        self.server = started.map_err(|e| ClusterError::file(&log, e))?;
        match self.server {
            Some(_) => Ok(()),
            None => Err(ClusterError::NotStarted { tail: server::tail(&log), log }),
        }
    }
}

/// A directory with a short path, since a unix socket's must not exceed about 100 bytes.
fn make_home() -> Result<(TempDir, Account), ClusterError> {
    let mut parent = PathBuf::from("/tmp");
    if !parent.is_dir() {
        parent = std::env::temp_dir();
    }
    // Whoever reaches the unix socket is let in.
    let private = std::fs::Permissions::from_mode(0o700);
    let made = tempfile::Builder::new().prefix("walhook-").permissions(private).tempdir_in(&parent);
    let home = made.map_err(|e| ClusterError::file(&parent, e))?;
    let account = Account::choose(home.path())?;
    account.give(home.path()).map_err(|e| ClusterError::file(home.path(), e))?;
    Ok((home, account))
}

fn initdb(
    binaries: &Binaries,
    account: Account,
    home: &Path,
    password: Option<&str>,
) -> Result<(), ClusterError> {
    let mut command = Command::new(binaries.program("initdb"));
    command.arg("-D").arg(home.join("data")).args([
        "--username=postgres",
        "--encoding=UTF8",
        "--locale=C",
        "--auth-local=trust",
        "--no-sync",
    ]);
    if let Some(password) = password {
        let file = home.join("password");
        std::fs::write(&file, password)
            .and_then(|()| account.give(&file))
            .map_err(|e| ClusterError::file(&file, e))?;
        command.arg("--auth-host=scram-sha-256").arg("--pwfile").arg(file);
    } else {
        command.arg("--auth-host=trust");
    }
    account.apply(&mut command);
    let program = "initdb".to_owned();
    let output = command.current_dir(home).env("LC_ALL", "C").stdin(Stdio::null()).output();
    let output = output.map_err(|e| ClusterError::file(&binaries.program("initdb"), e))?;
    if output.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(ClusterError::Program { program, output })
}

fn settings_text(options: &ClusterOptions) -> String {
    let on_off = if options.fsync { "on" } else { "off" };
    let fixed = [
        ("listen_addresses", "127.0.0.1"),
        ("wal_level", "logical"),
        ("shared_buffers", "32MB"),
        ("fsync", on_off),
        ("full_page_writes", on_off),
        ("lc_messages", "C"),
        ("logging_collector", "off"),
        ("log_destination", "stderr"),
    ];
    let further = options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut text = String::from("\n# A throwaway cluster.\n");
    for (name, value) in fixed.into_iter().chain(further) {
        let _ = writeln!(text, "{name} = '{}'", value.replace('\'', "''"));
    }
    text
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().append(true).open(path)?;
    io::Write::write_all(&mut file, text.as_bytes())
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn is_taken(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err()
}
