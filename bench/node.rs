//! The rival: a consumer in Node on pg-logical-replication and undici, with 16 connections and
//! no log. It is not ours; where its script or npm is missing, the bench goes on without it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::Failed;
use crate::site::Site;

const CONNECTIONS: &str = "16";

/// Its script, with its packages beside it.
pub(crate) struct Rival {
    script: PathBuf,
    port: u16,
}

impl Rival {
    /// Installs its packages below `out`, unless they are there; PostgreSQL listens on `port`.
    ///
    /// # Errors
    ///
    /// Why there is no rival.
    pub(crate) async fn find(script: &Path, out: &Path, port: u16) -> Result<Self, String> {
        if !script.is_file() {
            return Err(format!("{} does not exist", script.display()));
        }
        let home = out.join("node");
        let copy = home.join("rival.mjs");
        std::fs::create_dir_all(&home).map_err(|e| e.to_string())?;
        std::fs::copy(script, &copy).map_err(|e| e.to_string())?;
        let script = copy.canonicalize().map_err(|e| e.to_string())?;
        if !home.join("node_modules/undici").is_dir() {
            let mut npm = Command::new("npm");
            npm.args(["install", "--silent", "--no-save", "--prefix", "."]);
            npm.args(["pg-logical-replication", "undici@7"]).current_dir(&home);
            let output = npm.stdin(Stdio::null()).output().await;
            let output = output.map_err(|e| format!("npm does not run: {e}"))?;
            if !output.status.success() {
                return Err(format!("npm failed: {}", String::from_utf8_lossy(&output.stderr)));
            }
        }
        Ok(Self { script, port })
    }

    /// Publication and slot under the names that the script knows.
    pub(crate) async fn prepare(&self, site: &Site) -> Result<(), Failed> {
        let sql = "create publication w1_pub for all tables";
        site.client.batch_execute(sql).await?;
        let sql = "select pg_create_logical_replication_slot('w1_node', 'pgoutput')";
        site.client.execute(sql, &[]).await?;
        Ok(())
    }

    /// The process that sends to `url`.
    pub(crate) fn command(&self, site: &Site, url: &str) -> Command {
        let mut command = Command::new("node");
        command.arg(&self.script).arg(self.port.to_string());
        command.args([site.name.as_str(), url, CONNECTIONS]);
        command
    }
}
