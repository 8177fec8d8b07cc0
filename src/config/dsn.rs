//! How to reach PostgreSQL, as libpq's users write it: a URL or key-value string, the `PG*`
//! environment, the password file, libpq's defaults. Reads files, opens no socket.

mod certificate;
mod keywords;
mod passfile;
mod syntax;
mod tls;

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::secret::Secret;
pub use certificate::end_point_hash;
use keywords::Values;
use passfile::Passfile;

/// libpq waits for ever by default; a daemon must not.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Everything needed to connect. Made once; whoever holds it trusts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dsn {
    /// Tried in this order; never empty.
    pub hosts: Vec<Host>,
    /// Role to log in as.
    pub user: String,
    /// Database.
    pub dbname: String,
    /// Whether and how TLS is used; unix sockets never use it.
    pub sslmode: SslMode,
    /// Certificates to trust.
    pub sslrootcert: RootCert,
    /// Client certificate chain, PEM.
    pub sslcert: Option<PathBuf>,
    /// Its private key, PEM, unencrypted.
    pub sslkey: Option<PathBuf>,
    /// Whether the host's name is sent in the clear for a proxy to route by.
    pub sslsni: bool,
    /// Refuse TLS 1.2.
    pub tls13_only: bool,
    /// Whether SCRAM must prove that it runs over this very TLS connection.
    pub channel_binding: ChannelBinding,
    /// Limit for reaching one host and logging in; 30 s where libpq would wait for ever.
    pub connect_timeout: Duration,
    /// Shown in `pg_stat_activity`.
    pub application_name: String,
    /// Command-line options for the server process, as in `-c statement_timeout=5s`.
    pub options: Option<String>,
    /// How a dead peer is noticed; `None`: not at all.
    pub keepalives: Option<Keepalives>,
    /// How long sent data may stay unacknowledged; `None`: as the system has it.
    pub tcp_user_timeout: Option<Duration>,
    /// Which hosts will do.
    pub target_session: TargetSession,
    /// Why the password file was not read, for the message when a password turns out missing.
    pub passfile_fault: Option<String>,
}

/// One server to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Where it listens.
    pub target: Target,
    /// Port, also of a unix socket.
    pub port: u16,
    /// Password for this host: the given one, or what the password file has.
    pub password: Option<Secret>,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The directory of its unix socket.
    Socket(PathBuf),
    /// TCP.
    Tcp {
        /// Name or address; certificates are checked against it.
        name: String,
        /// Where to connect instead of looking the name up.
        address: Option<IpAddr>,
    },
}

/// libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS if the server will not have it otherwise.
    Allow,
    /// TLS if the server has it.
    Prefer,
    /// TLS; the certificate is checked only if root certificates are given.
    Require,
    /// TLS with a certificate from a trusted CA.
    VerifyCa,
    /// And made out to this host.
    VerifyFull,
}

/// Which certificates are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootCert {
    /// Whatever the server shows.
    None,
    /// Those in this PEM file.
    File(PathBuf),
    /// Those that the system trusts.
    System,
}

/// libpq's `channel_binding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelBinding {
    /// Never.
    Disable,
    /// Where TLS and the server allow it.
    Prefer,
    /// Or no login.
    Require,
}

/// TCP keepalives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalives {
    /// Silence before the first probe.
    pub idle: Duration,
    /// Between probes.
    pub interval: Duration,
    /// Unanswered probes that end the connection.
    pub count: u32,
}

/// libpq's `target_session_attrs`, as far as a consumer of a slot can use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetSession {
    /// Any server.
    Any,
    /// Not a standby, and not read-only by default.
    ReadWrite,
    /// Not a standby.
    Primary,
}

/// What is wrong with a connection string. No text shows a value: a badly escaped password
/// may have slipped into any of them.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the texts say what the fields are")]
pub enum DsnError {
    #[error("malformed connection string: {0}")]
    Syntax(&'static str),
    #[error("unknown keyword {keyword} in the connection string{suggestion}")]
    UnknownKeyword { keyword: String, suggestion: String },
    #[error("walhook does not support this value of {keyword}: {instead}")]
    Unsupported { keyword: &'static str, instead: &'static str },
    #[error("bad value of {keyword} in the connection string (expected {expected})")]
    Value { keyword: &'static str, expected: String },
    #[error("{keyword} lists {given} items for {hosts} hosts")]
    Count { keyword: &'static str, given: usize, hosts: usize },
    #[error("the connection string names no user, and neither do PGUSER and USER")]
    NoUser,
    #[error(
        "sslrootcert=system trusts every public CA, so only sslmode=verify-full makes sense with it"
    )]
    WeakSystemRoots,
    #[error("sslmode={mode} needs root certificates: set sslrootcert to a file or to system")]
    NoRoots { mode: &'static str },
    #[error("cannot read {}", path.display())]
    File { path: PathBuf, source: rustls_pki_types::pem::Error },
    #[error("{} holds no certificate", .0.display())]
    NoCertificate(PathBuf),
    #[error("private key {} may be read by others; chmod 0600 it", .0.display())]
    KeyPermissions(PathBuf),
    #[error("the system's root certificates cannot be read")]
    SystemRoots,
    #[error("TLS cannot be set up with these certificates")]
    Tls(#[source] rustls::Error),
}

impl Dsn {
    /// Reads a connection string, with this process's environment.
    ///
    /// # Errors
    /// [`DsnError`] for what is malformed, unknown, unsupported or missing.
    pub fn parse(text: &str) -> Result<Self, DsnError> {
        Self::parse_in(text, &|name| std::env::var(name).ok())
    }

    /// Reads a connection string, with the environment that `environment` looks up.
    ///
    /// # Errors
    /// As [`Dsn::parse`].
    pub fn parse_in(
        text: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, DsnError> {
        let values = Values::collect(syntax::read(text)?, environment)?;
        let given = |name: &str| environment(name).filter(|value| !value.is_empty());
        let home = given("HOME").map(PathBuf::from);
        let home = home.as_deref();
        let user = values.get("user").map(str::to_owned);
        let user = user.or_else(|| given("USER")).or_else(|| given("LOGNAME"));
        let user = user.ok_or(DsnError::NoUser)?;
        let dbname = values.get("dbname").unwrap_or(&user).to_owned();
        let name = values.get("application_name").or(values.get("fallback_application_name"));
        let (sslmode, sslrootcert) = tls_trust(&values, home)?;
        let mut dsn = Self {
            hosts: hosts(&values)?,
            user,
            dbname,
            sslmode,
            sslrootcert,
            sslcert: file(&values, "sslcert", home, "postgresql.crt"),
            sslkey: file(&values, "sslkey", home, "postgresql.key"),
            sslsni: values.choice("sslsni", &[("1", true), ("0", false)])?.unwrap_or(true),
            tls13_only: values.choice("ssl_min_protocol_version", TLS_VERSIONS)?.unwrap_or(false),
            channel_binding: values
                .choice("channel_binding", CHANNEL_BINDINGS)?
                .unwrap_or(ChannelBinding::Prefer),
            connect_timeout: seconds(&values, "connect_timeout")?.unwrap_or(CONNECT_TIMEOUT),
            application_name: name.unwrap_or("walhook").to_owned(),
            options: values.get("options").map(str::to_owned),
            keepalives: keepalives(&values)?,
            tcp_user_timeout: tcp_user_timeout(&values)?,
            target_session: values
                .choice("target_session_attrs", TARGET_SESSIONS)?
                .unwrap_or(TargetSession::Any),
            passfile_fault: None,
        };
        dsn.find_passwords(&values, home);
        Ok(dsn)
    }

    /// User, hosts and database for a log line or an error text, without password.
    pub fn redacted(&self) -> String {
        let mut text = format!("postgres://{}@", self.user);
        for (at, host) in self.hosts.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let _ = match &host.target {
                Target::Socket(directory) => write!(text, "{comma}[{}]", directory.display()),
                Target::Tcp { name, .. } if name.contains(':') => write!(text, "{comma}[{name}]"),
                Target::Tcp { name, .. } => write!(text, "{comma}{name}"),
            };
            let _ = write!(text, ":{}", host.port);
        }
        let _ = write!(text, "/{}", self.dbname);
        text
    }

    /// The same for the SQL driver, which knows a little less: it takes `allow` as `prefer`, and
    /// one password for all hosts.
    pub fn to_tokio_postgres(&self) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config.user(&self.user).dbname(&self.dbname).application_name(&self.application_name);
        config.connect_timeout(self.connect_timeout);
        if let Some(options) = &self.options {
            config.options(options);
        }
        if let Some(password) = self.hosts.iter().find_map(|host| host.password.as_ref()) {
            config.password(password.expose());
        }
        let addresses = self.hosts.iter().all(|host| host.address().is_some());
        for host in &self.hosts {
            config.port(host.port);
            match &host.target {
                Target::Socket(directory) => config.host_path(directory),
                Target::Tcp { name, .. } => config.host(name),
            };
            // The driver wants an address for every host or for none.
            if let Some(address) = host.address().filter(|_| addresses) {
                config.hostaddr(address);
            }
        }
        self.set_transport(&mut config);
        config
    }

    fn set_transport(&self, config: &mut tokio_postgres::Config) {
        use tokio_postgres::config as driver;
        config.ssl_mode(match self.sslmode {
            SslMode::Disable => driver::SslMode::Disable,
            SslMode::Allow | SslMode::Prefer => driver::SslMode::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => driver::SslMode::Require,
        });
        config.channel_binding(match self.channel_binding {
            ChannelBinding::Disable => driver::ChannelBinding::Disable,
            ChannelBinding::Prefer => driver::ChannelBinding::Prefer,
            ChannelBinding::Require => driver::ChannelBinding::Require,
        });
        config.target_session_attrs(match self.target_session {
            TargetSession::Any => driver::TargetSessionAttrs::Any,
            TargetSession::ReadWrite | TargetSession::Primary => {
                driver::TargetSessionAttrs::ReadWrite
            }
        });
        config.keepalives(self.keepalives.is_some());
        if let Some(keepalives) = self.keepalives {
            config.keepalives_idle(keepalives.idle).keepalives_interval(keepalives.interval);
            config.keepalives_retries(keepalives.count);
        }
        if let Some(timeout) = self.tcp_user_timeout {
            config.tcp_user_timeout(timeout);
        }
    }

    fn find_passwords(&mut self, values: &Values, home: Option<&Path>) {
        if let Some(password) = values.get("password") {
            let password = Secret::new(password);
            self.hosts.iter_mut().for_each(|host| host.password = Some(password.clone()));
            return;
        }
        let path = values.get("passfile").map(PathBuf::from);
        let Some(path) = path.or_else(|| passfile::default_path(home)) else { return };
        let passfile = Passfile::read(&path);
        for host in &mut self.hosts {
            let name = match &host.target {
                Target::Socket(directory) if is_default_socket(directory) => "localhost",
                Target::Socket(directory) => &directory.to_string_lossy(),
                Target::Tcp { name, .. } => name,
            };
            host.password = passfile.password(name, host.port, &self.dbname, &self.user);
        }
        self.passfile_fault = passfile.fault;
    }
}

impl Host {
    /// The address to connect to, where it is known without asking for the name.
    pub fn address(&self) -> Option<IpAddr> {
        match &self.target {
            Target::Socket(_) => None,
            Target::Tcp { name, address } => address.or_else(|| name.parse().ok()),
        }
    }
}

const CHANNEL_BINDINGS: &[(&str, ChannelBinding)] = &[
    ("disable", ChannelBinding::Disable),
    ("prefer", ChannelBinding::Prefer),
    ("require", ChannelBinding::Require),
];

const SSL_MODES: &[(&str, SslMode)] = &[
    ("disable", SslMode::Disable),
    ("allow", SslMode::Allow),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

/// Older versions are accepted as a minimum since what follows is never below TLS 1.2.
const TLS_VERSIONS: &[(&str, bool)] =
    &[("TLSv1", false), ("TLSv1.1", false), ("TLSv1.2", false), ("TLSv1.3", true)];

const TARGET_SESSIONS: &[(&str, TargetSession)] = &[
    ("any", TargetSession::Any),
    ("read-write", TargetSession::ReadWrite),
    ("primary", TargetSession::Primary),
];

/// `sslmode` and the roots it is to trust. With roots, `require` checks the chain: libpq's rule,
/// kept there for old configurations and safer than forgetting it here.
fn tls_trust(values: &Values, home: Option<&Path>) -> Result<(SslMode, RootCert), DsnError> {
    let mode = values.choice("sslmode", SSL_MODES)?;
    let roots = match values.get("sslrootcert") {
        Some("system") => RootCert::System,
        Some(path) => RootCert::File(PathBuf::from(path)),
        None => {
            file(values, "sslrootcert", home, "root.crt").map_or(RootCert::None, RootCert::File)
        }
    };
    let default = if roots == RootCert::System { SslMode::VerifyFull } else { SslMode::Prefer };
    let mode = match mode.unwrap_or(default) {
        SslMode::VerifyFull => SslMode::VerifyFull,
        _ if roots == RootCert::System => return Err(DsnError::WeakSystemRoots),
        SslMode::Require if roots != RootCert::None => SslMode::VerifyCa,
        mode => mode,
    };
    match (mode, &roots) {
        (SslMode::VerifyCa, RootCert::None) => Err(DsnError::NoRoots { mode: "verify-ca" }),
        (SslMode::VerifyFull, RootCert::None) => Err(DsnError::NoRoots { mode: "verify-full" }),
        _ => Ok((mode, roots)),
    }
}

/// The file given for `keyword`, else libpq's in `~/.postgresql`, if it is there.
fn file(values: &Values, keyword: &str, home: Option<&Path>, default: &str) -> Option<PathBuf> {
    values.get(keyword).map(PathBuf::from).or_else(|| {
        let path = home?.join(".postgresql").join(default);
        path.is_file().then_some(path)
    })
}

fn hosts(values: &Values) -> Result<Vec<Host>, DsnError> {
    let list = |keyword| values.get(keyword).map(|text| text.split(',').collect::<Vec<_>>());
    let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
    let hosts = addresses.as_ref().or(names.as_ref()).map_or(1, Vec::len);
    for (keyword, items) in [("host", &names), ("port", &ports)] {
        let given = items.as_ref().map_or(hosts, Vec::len);
        if given != hosts && !(keyword == "port" && given == 1) {
            return Err(DsnError::Count { keyword, given, hosts });
        }
    }
    let item = |items: &Option<Vec<&str>>, at: usize| {
        let items = items.as_ref()?;
        let only = items.first().filter(|_| items.len() == 1);
        only.or_else(|| items.get(at)).map(|item| item.trim().to_owned()).filter(|i| !i.is_empty())
    };
    (0..hosts)
        .map(|at| {
            let port = port(item(&ports, at).as_deref())?;
            let target = target(item(&names, at), item(&addresses, at), port)?;
            Ok(Host { target, port, password: None })
        })
        .collect()
}

fn port(text: Option<&str>) -> Result<u16, DsnError> {
    let number = text.map_or(Ok(5432), str::parse);
    number.ok().filter(|port| *port > 0).ok_or_else(|| DsnError::Value {
        keyword: "port",
        expected: "a number from 1 to 65535; in a URL, / and : in a password are written %2F, %3A"
            .to_owned(),
    })
}

fn target(name: Option<String>, address: Option<String>, port: u16) -> Result<Target, DsnError> {
    let bad =
        |expected: &str| DsnError::Value { keyword: "hostaddr", expected: expected.to_owned() };
    if let Some(address) = address {
        let address: IpAddr = address.parse().map_err(|_| bad("an IP address"))?;
        let name = name.unwrap_or_else(|| address.to_string());
        return Ok(Target::Tcp { name, address: Some(address) });
    }
    match name {
        Some(name) if name.starts_with('/') => Ok(Target::Socket(PathBuf::from(name))),
        Some(name) if name.starts_with('@') => {
            Err(DsnError::Unsupported { keyword: "host", instead: "name the socket's directory" })
        }
        Some(name) => Ok(Target::Tcp { name, address: None }),
        None => Ok(default_target(port)),
    }
}

/// Directories that libpq is built to look in, by packager.
const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];

fn is_default_socket(directory: &Path) -> bool {
    SOCKET_DIRECTORIES.iter().any(|default| directory == Path::new(default))
}

/// No host at all: libpq takes the one socket directory it was built for. We were built for
/// none, so we look where a server is.
fn default_target(port: u16) -> Target {
    let socket = SOCKET_DIRECTORIES
        .iter()
        .map(Path::new)
        .find(|directory| directory.join(format!(".s.PGSQL.{port}")).exists());
    match socket {
        Some(directory) => Target::Socket(directory.to_owned()),
        None => Target::Tcp { name: "localhost".to_owned(), address: None },
    }
}

/// Zero and negative numbers mean "as if not given", as in libpq.
fn seconds(values: &Values, keyword: &'static str) -> Result<Option<Duration>, DsnError> {
    let number = values.number(keyword)?.and_then(|number| u64::try_from(number).ok());
    Ok(number.filter(|number| *number > 0).map(Duration::from_secs))
}

/// On by default and quicker than the system's two hours.
fn keepalives(values: &Values) -> Result<Option<Keepalives>, DsnError> {
    let on = values.number("keepalives")? != Some(0);
    let keepalives = Keepalives {
        idle: seconds(values, "keepalives_idle")?.unwrap_or(Duration::from_secs(30)),
        interval: seconds(values, "keepalives_interval")?.unwrap_or(Duration::from_secs(10)),
        count: values
            .number("keepalives_count")?
            .and_then(|count| u32::try_from(count).ok())
            .filter(|count| *count > 0)
            .unwrap_or(3),
    };
    Ok(on.then_some(keepalives))
}

/// Feedback goes out every 10 s, so that a peer which acknowledges none for a minute is gone.
/// This, and not silence, is the sign: a walsender that skips a huge transaction is silent long.
fn tcp_user_timeout(values: &Values) -> Result<Option<Duration>, DsnError> {
    Ok(match values.number("tcp_user_timeout")? {
        None => Some(Duration::from_secs(60)),
        Some(milliseconds) => u64::try_from(milliseconds)
            .ok()
            .filter(|milliseconds| *milliseconds > 0)
            .map(Duration::from_millis),
    })
}

#[cfg(test)]
mod tests;
