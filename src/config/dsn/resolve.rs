//! From keywords to meanings, with libpq's defaults where nothing is given.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::keywords::Values;
use super::{ChannelBinding, DsnError, Host, Keepalives, RootCert, SslMode, Target, TargetSession};

pub(super) const CHANNEL_BINDINGS: &[(&str, ChannelBinding)] = &[
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
pub(super) const TLS_VERSIONS: &[(&str, bool)] =
    &[("TLSv1", false), ("TLSv1.1", false), ("TLSv1.2", false), ("TLSv1.3", true)];

pub(super) const TARGET_SESSIONS: &[(&str, TargetSession)] = &[
    ("any", TargetSession::Any),
    ("read-write", TargetSession::ReadWrite),
    ("primary", TargetSession::Primary),
];

/// `sslmode` and the roots it is to trust. With roots, `require` checks the chain: libpq's rule,
/// kept there for old configurations and safer than forgetting it here.
pub(super) fn tls_trust(
    values: &Values,
    home: Option<&Path>,
) -> Result<(SslMode, RootCert), DsnError> {
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
pub(super) fn file(
    values: &Values,
    keyword: &str,
    home: Option<&Path>,
    default: &str,
) -> Option<PathBuf> {
    values.get(keyword).map(PathBuf::from).or_else(|| {
        let path = home?.join(".postgresql").join(default);
        path.is_file().then_some(path)
    })
}

pub(super) fn hosts(values: &Values) -> Result<Vec<Host>, DsnError> {
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

pub(super) fn is_default_socket(directory: &Path) -> bool {
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
pub(super) fn seconds(
    values: &Values,
    keyword: &'static str,
) -> Result<Option<Duration>, DsnError> {
    let number = values.number(keyword)?.and_then(|number| u64::try_from(number).ok());
    Ok(number.filter(|number| *number > 0).map(Duration::from_secs))
}

/// On by default and quicker than the system's two hours.
pub(super) fn keepalives(values: &Values) -> Result<Option<Keepalives>, DsnError> {
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
pub(super) fn tcp_user_timeout(values: &Values) -> Result<Option<Duration>, DsnError> {
    Ok(match values.number("tcp_user_timeout")? {
        None => Some(Duration::from_secs(60)),
        Some(milliseconds) => u64::try_from(milliseconds)
            .ok()
            .filter(|milliseconds| *milliseconds > 0)
            .map(Duration::from_millis),
    })
}
