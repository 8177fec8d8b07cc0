//! Clocks that step: libfaketime under the first daemon and under the server, where it is
//! installed. The machine's own clock is left alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Where Debian, Fedora and others put it.
const PLACES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];

/// The two clocks. Intervals are left alone, as when somebody sets the time of day.
pub struct Clocks {
    library: &'static str,
    home: TempDir,
    daemon: i64,
    server: i64,
}

impl Clocks {
    /// Both show the time; none where the library is missing.
    pub fn find() -> Option<Self> {
        let library = PLACES.into_iter().find(|path| Path::new(path).exists())?;
        let home = TempDir::new().expect("a directory for the clocks");
        // The server runs as another user.
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(home.path(), open).expect("it is ours");
        let mut clocks = Self { library, home, daemon: 0, server: 0 };
        clocks.step(0, 0);
        Some(clocks)
    }

    /// Sets both forward or back by so many seconds from the true time.
    pub fn step(&mut self, daemon: i64, server: i64) {
        (self.daemon, self.server) = (daemon, server);
        for (name, offset) in [("daemon", self.daemon), ("server", self.server)] {
            // Replaced as a whole: a reader never sees half of it.
            let unfinished = self.file("unfinished");
            fs::write(&unfinished, format!("{offset:+}\n")).expect("it can be written");
            fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o644))
                .expect("it is ours");
            fs::rename(&unfinished, self.file(name)).expect("it can be renamed");
        }
    }

    /// Environment of a process that looks at the daemon's clock.
    pub fn for_daemon(&self) -> Vec<(String, String)> {
        self.environment("daemon")
    }

    /// Environment of a server that looks at the server's.
    pub fn for_server(&self) -> Vec<(String, String)> {
        self.environment("server")
    }

    fn environment(&self, name: &str) -> Vec<(String, String)> {
        let file = self.file(name).display().to_string();
        let pairs = [
            ("LD_PRELOAD", self.library),
            ("FAKETIME_TIMESTAMP_FILE", &file),
            ("FAKETIME_CACHE_DURATION", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }
}
