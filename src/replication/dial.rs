//! From a connection string to an open connection: hosts, addresses, sockets, TLS.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio_rustls::TlsConnector;

use super::wire::Io;
use super::{ReplicationError, Session};
use crate::config::dsn::{ChannelBinding, Dsn, Host, SslMode, Target, end_point_hash};

/// An open connection on which nothing has been said yet.
pub(super) struct Link {
    pub(super) io: Box<dyn Io>,
    pub(super) encrypted: bool,
    /// What channel binding binds to, where the certificate allows it.
    pub(super) end_point: Option<Vec<u8>>,
}

/// Whether one attempt uses TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cover {
    Plain,
    /// TLS unless the server says no.
    Offered,
    Demanded,
}

/// Connects to the first host that will do, and logs in.
pub(super) async fn connect(dsn: &Dsn) -> Result<Session, ReplicationError> {
    let tls = dsn.tls().map_err(ReplicationError::TlsSettings)?;
    let dialer = Dialer { dsn, tls: tls.map(|config| TlsConnector::from(Arc::new(config))) };
    let mut last = ReplicationError::protocol("the connection string names no host");
    for host in &dsn.hosts {
        match dialer.try_host(host).await {
            Err(error) if error.is_about_the_host() => last = error,
            other => return other,
        }
    }
    Err(last)
}

struct Dialer<'a> {
    dsn: &'a Dsn,
    tls: Option<TlsConnector>,
}

impl Dialer<'_> {
    /// Tries with and without TLS in the order that `sslmode` gives, as libpq does.
    async fn try_host(&self, host: &Host) -> Result<Session, ReplicationError> {
        let (first, second) = match (&host.target, self.dsn.sslmode) {
            (Target::Socket(_), _) | (_, SslMode::Disable) => (Cover::Plain, None),
            (_, SslMode::Allow) => (Cover::Plain, Some(Cover::Demanded)),
            (_, SslMode::Prefer) => (Cover::Offered, Some(Cover::Plain)),
            (_, SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull) => {
                (Cover::Demanded, None)
            }
        };
        // Binding needs TLS, so that without it the login would fail for a lesser reason.
        let bound = self.dsn.channel_binding == ChannelBinding::Require;
        let second = second.filter(|cover| !(bound && *cover == Cover::Plain));
        match (self.try_cover(host, first).await, second) {
            (Err(ReplicationError::Authentication { .. }), Some(second)) => {
                self.try_cover(host, second).await
            }
            (Err(ReplicationError::Tls { .. }), Some(Cover::Plain)) => {
                self.try_cover(host, Cover::Plain).await
            }
            (other, _) => other,
        }
    }

    /// Tries the host's addresses; each has the whole of `connect_timeout`, as with libpq.
    async fn try_cover(&self, host: &Host, cover: Cover) -> Result<Session, ReplicationError> {
        if let Target::Socket(directory) = &host.target {
            let path = directory.join(format!(".s.PGSQL.{}", host.port));
            return self.in_time(host, self.log_in_by_socket(host, &path)).await;
        }
        let addresses = self.in_time(host, resolve(host)).await?;
        let mut last = ReplicationError::Connect {
            host: host.to_string(),
            source: io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
        };
        for address in addresses {
            match self.in_time(host, self.log_in_by_tcp(host, address, cover)).await {
                Err(
                    error @ (ReplicationError::Connect { .. } | ReplicationError::Timeout { .. }),
                ) => {
                    last = error;
                }
                other => return other,
            }
        }
        Err(last)
    }

    async fn in_time<T>(
        &self,
        host: &Host,
        work: impl Future<Output = Result<T, ReplicationError>>,
    ) -> Result<T, ReplicationError> {
        let late = |_| ReplicationError::Timeout { host: host.to_string(), doing: "connecting" };
        tokio::time::timeout(self.dsn.connect_timeout, Box::pin(work)).await.map_err(late)?
    }

    async fn log_in_by_socket(
        &self,
        host: &Host,
        path: &Path,
    ) -> Result<Session, ReplicationError> {
        let stream = UnixStream::connect(path).await.map_err(|e| connect_error(host, e))?;
        let link = Link { io: Box::new(stream), encrypted: false, end_point: None };
        Session::log_in(link, self.dsn, host).await
    }

    async fn log_in_by_tcp(
        &self,
        host: &Host,
        address: SocketAddr,
        cover: Cover,
    ) -> Result<Session, ReplicationError> {
        let stream = TcpStream::connect(address).await.map_err(|e| connect_error(host, e))?;
        self.tune(&stream).map_err(|e| connect_error(host, e))?;
        let link = match (&self.tls, cover) {
            (Some(tls), Cover::Offered | Cover::Demanded) => {
                negotiate(stream, tls, host, cover).await?
            }
            _ => Link { io: Box::new(stream), encrypted: false, end_point: None },
        };
        Session::log_in(link, self.dsn, host).await
    }

    /// A peer that vanished must be noticed, and feedback must not wait for more of it.
    fn tune(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let socket = SockRef::from(stream);
        if let Some(keepalives) = self.dsn.keepalives {
            let keepalive = TcpKeepalive::new()
                .with_time(keepalives.idle)
                .with_interval(keepalives.interval)
                .with_retries(keepalives.count);
            socket.set_tcp_keepalive(&keepalive)?;
        }
        #[cfg(target_os = "linux")]
        if let Some(timeout) = self.dsn.tcp_user_timeout {
            socket.set_tcp_user_timeout(Some(timeout))?;
        }
        Ok(())
    }
}

fn connect_error(host: &Host, source: io::Error) -> ReplicationError {
    ReplicationError::Connect { host: host.to_string(), source }
}

async fn resolve(host: &Host) -> Result<Vec<SocketAddr>, ReplicationError> {
    if let Some(address) = host.address() {
        return Ok(vec![SocketAddr::new(address, host.port)]);
    }
    let Target::Tcp { name, .. } = &host.target else { return Ok(Vec::new()) };
    let found = lookup_host((name.as_str(), host.port)).await;
    Ok(found.map_err(|e| connect_error(host, e))?.collect())
}

/// Asks for TLS. The answer is read as exactly one byte: whatever a man in the middle sends
/// after it goes to the handshake and never counts as said under TLS.
async fn negotiate(
    mut stream: TcpStream,
    tls: &TlsConnector,
    host: &Host,
    cover: Cover,
) -> Result<Link, ReplicationError> {
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    stream.write_all(&request).await.map_err(ReplicationError::disconnected)?;
    match stream.read_u8().await.map_err(ReplicationError::disconnected)? {
        b'S' => shake_hands(stream, tls, host).await,
        b'N' if cover == Cover::Offered => {
            Ok(Link { io: Box::new(stream), encrypted: false, end_point: None })
        }
        b'N' => Err(ReplicationError::NoTls { host: host.to_string() }),
        // An error message at this point is not protected; its text is not worth showing.
        other => {
            let what = format!("answer {:?} to the request for TLS", char::from(other));
            Err(ReplicationError::protocol(what))
        }
    }
}

async fn shake_hands(
    stream: TcpStream,
    tls: &TlsConnector,
    host: &Host,
) -> Result<Link, ReplicationError> {
    let failed = |source| ReplicationError::Tls { host: host.to_string(), source };
    let Target::Tcp { name, .. } = &host.target else {
        return Err(ReplicationError::protocol("TLS on a unix socket"));
    };
    let server = ServerName::try_from(name.clone()).map_err(|e| failed(io::Error::other(e)))?;
    let stream = tls.connect(server, stream).await.map_err(failed)?;
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let end_point = certificates.first().and_then(|certificate| end_point_hash(certificate));
    Ok(Link { io: Box::new(stream), encrypted: true, end_point })
}
