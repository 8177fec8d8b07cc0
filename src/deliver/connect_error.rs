//! Why no connection came about.

use std::io;
use std::net::SocketAddr;

use super::guard::Blocked;
use super::resolver::LookupError;
use crate::event::ErrorClass;

/// No connection came about.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// `[security] allow_http` is false.
    #[error("plain http is refused; use https, or [security] allow_http can allow it")]
    PlainHttp,
    /// The name did not resolve.
    #[error("could not resolve {host}")]
    Resolve {
        /// The name.
        host: String,
        /// Why, and by whose fault.
        source: LookupError,
    },
    /// The name resolves to nothing.
    #[error("{host} has no address")]
    NoAddress {
        /// The name.
        host: String,
    },
    /// No address of the host may be called.
    #[error("{host} may not be called")]
    Blocked {
        /// The host.
        host: String,
        /// The last of its addresses.
        source: Blocked,
    },
    /// None of the addresses took the connection.
    #[error("could not connect to {address}")]
    Dial {
        /// The address that failed last.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The host is nothing that a certificate can be checked against.
    #[error("{host} is no name that a certificate could be for")]
    ServerName {
        /// The host.
        host: String,
    },
    /// The peer did not prove to be the host, or did not speak TLS.
    #[error("TLS handshake with {host} failed")]
    Handshake {
        /// The host.
        host: String,
        /// Why.
        source: io::Error,
    },
}

impl ConnectError {
    /// Whether no resolver could tell the address, which is no fault of the host's.
    pub fn is_resolver_out(&self) -> bool {
        matches!(self, Self::Resolve { source: LookupError::ResolverOut(_), .. })
    }

    /// Its class in the log.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::PlainHttp | Self::Blocked { .. } => ErrorClass::BlockedAddress,
            Self::Resolve { .. } | Self::NoAddress { .. } => ErrorClass::Dns,
            Self::Dial { .. } => ErrorClass::Connect,
            Self::ServerName { .. } | Self::Handshake { .. } => ErrorClass::Tls,
        }
    }
}
