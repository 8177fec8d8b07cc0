//! How to reach PostgreSQL, as libpq's users write it: a URL or key-value string, the `PG*`
//! environment, the password file, libpq's defaults. Reads files, opens no socket.

mod certificate;
mod keywords;
mod passfile;
mod resolve;
mod syntax;
mod tls;

use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::secret::Secret;
pub use certificate::end_point_hash;
use keywords::Values;
use passfile::Passfile;
use resolve::{CHANNEL_BINDINGS, TARGET_SESSIONS, TLS_VERSIONS};

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
        let (sslmode, sslrootcert) = resolve::tls_trust(&values, home)?;
        let mut dsn = Self {
            hosts: resolve::hosts(&values)?,
            user,
            dbname,
            sslmode,
            sslrootcert,
            sslcert: resolve::file(&values, "sslcert", home, "postgresql.crt"),
            sslkey: resolve::file(&values, "sslkey", home, "postgresql.key"),
            sslsni: values.choice("sslsni", &[("1", true), ("0", false)])?.unwrap_or(true),
            tls13_only: values.choice("ssl_min_protocol_version", TLS_VERSIONS)?.unwrap_or(false),
            channel_binding: values
                .choice("channel_binding", CHANNEL_BINDINGS)?
                .unwrap_or(ChannelBinding::Prefer),
            connect_timeout: resolve::seconds(&values, "connect_timeout")?
                .unwrap_or(CONNECT_TIMEOUT),
            application_name: name.unwrap_or("walhook").to_owned(),
            options: values.get("options").map(str::to_owned),
            keepalives: resolve::keepalives(&values)?,
            tcp_user_timeout: resolve::tcp_user_timeout(&values)?,
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
            let _ = write!(text, "{}{host}", if at == 0 { "" } else { "," });
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
                Target::Socket(directory) if resolve::is_default_socket(directory) => "localhost",
                Target::Socket(directory) => &directory.to_string_lossy(),
                Target::Tcp { name, .. } => name,
            };
            host.password = passfile.password(name, host.port, &self.dbname, &self.user);
        }
        self.passfile_fault = passfile.fault;
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Socket(directory) => write!(f, "[{}]:{}", directory.display(), self.port),
            Target::Tcp { name, .. } if name.contains(':') => write!(f, "[{name}]:{}", self.port),
            Target::Tcp { name, .. } => write!(f, "{name}:{}", self.port),
        }
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

#[cfg(test)]
mod tests;
