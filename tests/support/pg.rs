//! Real PostgreSQL for tests: one initdb for all test binaries, one cluster for each process
//! (or for one test that stops and starts it), one database for each test.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::task::JoinHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row};
use walhook::demo::cluster::{Binaries, Cluster, ClusterOptions};

/// Raise when [`Cluster::initialise`] makes something else than before.
const TEMPLATE_VERSION: u32 = 1;

/// A cluster with room for many slots and sessions. `fsync` is off.
pub struct Pg {
    cluster: Mutex<Cluster>,
}

impl Pg {
    /// A cluster of one's own: for tests that stop it or change its settings.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A cluster of one's own with further settings.
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_in(settings, Vec::new())
    }

    /// The same with an environment.
    pub fn start_in(settings: &[(&str, &str)], environment: Vec<(String, String)>) -> Self {
        let mut all = vec![
            ("max_connections", "200"),
            ("max_wal_senders", "60"),
            ("max_replication_slots", "100"),
            // Segments of 16 MB times many clusters would fill small disks.
            ("min_wal_size", "32MB"),
        ];
        all.extend_from_slice(settings);
        let settings = all.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let template = Some(template());
        let options =
            ClusterOptions { settings, template, environment, ..ClusterOptions::default() };
        let cluster = Cluster::start(options).expect("a cluster starts");
        Self { cluster: Mutex::new(cluster) }
    }

    /// The cluster that the tests of this process share. Its guardian ends it with the process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Pg> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// The cluster itself, to stop it or to ask for its paths.
    pub fn cluster(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// URL of `database` for the superuser.
    pub fn url(&self, database: &str) -> String {
        self.cluster().url(database)
    }

    /// A new, empty database and a client in it.
    pub async fn database(&self) -> Database {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let admin = Connected::open(&self.url("postgres")).await;
        let create = format!("create database {name} template template0");
        admin.client.batch_execute(&create).await.expect("a database is created");
        let url = self.url(&name);
        let connected = Connected::open(&url).await;
        Database { name, url, connected }
    }
}

/// A database of one test, with a session in it.
pub struct Database {
    /// Its name; also good as a name for the test's slot and publication.
    pub name: String,
    /// Its URL for the superuser.
    pub url: String,
    connected: Connected,
}

impl Database {
    /// The session, for whatever the helpers below do not do.
    pub fn client(&self) -> &Client {
        &self.connected.client
    }

    /// A further session.
    pub async fn connect(&self) -> Connected {
        Connected::open(&self.url).await
    }

    /// Runs statements without parameters, several if separated by semicolons.
    pub async fn execute(&self, sql: &str) {
        self.client().batch_execute(sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    }

    /// All rows.
    pub async fn query(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Vec<Row> {
        self.client().query(sql, parameters).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"))
    }

    /// The first column of the one row.
    pub async fn query_one<T>(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> T
    where
        T: for<'a> tokio_postgres::types::FromSql<'a>,
    {
        let row = self.client().query_one(sql, parameters).await;
        row.unwrap_or_else(|e| panic!("{sql}: {e:?}")).get(0)
    }
}

/// A session that is closed when dropped.
pub struct Connected {
    /// The session.
    pub client: Client,
    task: JoinHandle<()>,
}

impl Connected {
    /// Opens a session without TLS.
    pub async fn open(url: &str) -> Self {
        let (client, connection) = tokio_postgres::connect(url, NoTls)
            .await
            .unwrap_or_else(|e| panic!("cannot connect to {url}: {e:?}"));
        let task = tokio::spawn(async move {
            // Its end shows in the client's next call.
            let _ = connection.await;
        });
        Self { client, task }
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Path of the template data directory; made by whichever test process comes first, while the
/// others wait for its lock.
fn template() -> PathBuf {
    let major = Binaries::find().expect("PostgreSQL is installed").major;
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(shared).expect("a directory for the template");
    let template = shared.join(format!("pg{major}-template-{TEMPLATE_VERSION}"));
    let lock = fs::File::create(template.with_extension("lock")).expect("a lock file");
    lock.lock().expect("the lock of the template");
    if !template.is_dir() {
        let unfinished = template.with_extension("new");
        let _ = fs::remove_dir_all(&unfinished);
        Cluster::initialise(&unfinished, None).expect("initdb");
        fs::rename(&unfinished, &template).expect("the template gets its name");
    }
    template
}
