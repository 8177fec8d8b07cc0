//! The daemon of the demo, in this process, on a configuration file as a user would write it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::DemoError;
use crate::admin::{init, installation};
use crate::config::{Config, Environment};
use crate::secret::Secret;
use crate::shutdown::{self, Shutdown};
use crate::store::schema::{Line, Mark};

/// The running daemon.
pub(super) struct Engine {
    task: JoinHandle<Result<(), DemoError>>,
    stop: shutdown::Trigger,
    /// The configuration file.
    pub config: PathBuf,
    _home: TempDir,
}

impl Engine {
    /// Writes the configuration, installs walhook in the database at `database_url`, and starts
    /// the daemon, which sends to `receiver_url`, signing with `secret`.
    pub(super) async fn start<D, F, E>(
        database_url: &str,
        receiver_url: &str,
        secret: &Secret,
        daemon: D,
    ) -> Result<Self, DemoError>
    where
        D: FnOnce(Config, Shutdown) -> F + Send + 'static,
        F: Future<Output = Result<(), E>> + Send,
        E: std::error::Error + Send + Sync + 'static,
    {
        let home = tempfile::Builder::new().prefix("walhook-demo-").tempdir();
        let home = home.map_err(DemoError::Files)?;
        let path = write_files(home.path(), database_url, receiver_url, secret);
        let path = path.map_err(DemoError::Files)?;
        let config = Config::load(Some(&path), &Environment::default());
        let config = config.map_err(DemoError::Configuration)?;
        install(&config).await?;
        let (stop, shutdown) = shutdown::channel();
        let task = tokio::spawn(async move {
            daemon(config, shutdown).await.map_err(|error| DemoError::Daemon(Box::new(error)))
        });
        Ok(Self { task, stop, config: path, _home: home })
    }

    /// Returns when the daemon has ended, told to or not.
    pub(super) async fn ended(&mut self) -> Result<(), DemoError> {
        match (&mut self.task).await {
            Ok(ended) => ended,
            Err(panic) => Err(DemoError::Broken(panic)),
        }
    }

    /// Tells the daemon to stop, and waits until it has.
    pub(super) async fn stop(mut self) -> Result<(), DemoError> {
        self.stop.stop();
        self.ended().await
    }
}

/// Schema, publication and slot, as `walhook init` makes them.
async fn install(config: &Config) -> Result<(), DemoError> {
    let wanted = installation::installation(config);
    let mut left = String::new();
    let mut note = |line: Line| {
        if line.mark == Mark::Left {
            left = format!("{}: {}", line.subject, line.text);
        }
    };
    init::install(&config.database.dsn, &wanted, &mut note).await?;
    if left.is_empty() { Ok(()) } else { Err(DemoError::NotInstalled(left)) }
}

fn write_files(
    home: &Path,
    database_url: &str,
    receiver_url: &str,
    secret: &Secret,
) -> io::Result<PathBuf> {
    fs::write(private(home, "secret")?, secret.expose())?;
    fs::write(private(home, "database_url")?, database_url)?;
    let text = include_str!("config.toml").replace("RECEIVER_URL", receiver_url);
    let path = private(home, "config.toml")?;
    OpenOptions::new().write(true).open(&path)?.write_all(text.as_bytes())?;
    Ok(path)
}

/// A new file that nobody else can read.
fn private(home: &Path, name: &str) -> io::Result<PathBuf> {
    let path = home.join(name);
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demos_configuration_has_no_faults_and_is_private() {
        use std::os::unix::fs::PermissionsExt;

        let home = tempfile::tempdir().unwrap();
        let (database, receiver) =
            ("postgres://postgres:x@127.0.0.1:5432/shop", "http://127.0.0.1:8000/hooks");
        let path =
            write_files(home.path(), database, receiver, &Secret::new("whsec_YQ==")).unwrap();
        let config = Config::load(Some(&path), &Environment::default());
        let config = config.unwrap_or_else(|faults| panic!("{faults}"));
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
        assert_eq!(config.endpoints[0].secrets[0].expose(), "whsec_YQ==");
        for name in ["secret", "database_url", "config.toml"] {
            let mode = fs::metadata(home.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }
}
