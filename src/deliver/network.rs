//! What all endpoints share: security settings, resolver, trusted roots.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ipnet::IpNet;
use rustls::ClientConfig;
use url::{Host, Url};

use super::connect_error::ConnectError;
use super::guard;
use super::resolver::Resolver;
use super::tls::{self, TlsError};
use super::token::Account;
use crate::endpoint::{ClientCredentials, TlsFiles};

/// Settings that hold for every endpoint.
#[derive(Clone, Debug)]
pub struct NetworkSettings {
    /// `[security] allow_http`: plain http may be used.
    pub allow_http: bool,
    /// `[security] allow_cidrs`: ranges that may be called although they are not public.
    pub allow_cidrs: Vec<IpNet>,
    /// `[retention] response_body_bytes`: how much of an answer's body is kept.
    pub response_body_bytes: usize,
}

/// The network as deliveries may use it; one for all endpoints.
pub struct Network {
    pub(super) settings: NetworkSettings,
    resolver: Resolver,
    /// Trusts the system's roots; made when the first https endpoint asks for it.
    tls: OnceLock<Arc<ClientConfig>>,
    accounts: Mutex<HashMap<(ClientCredentials, TlsFiles), Arc<Account>>>,
}

impl Network {
    /// A network under `settings` that asks `resolver`.
    pub fn new(settings: NetworkSettings, resolver: Resolver) -> Self {
        Self { settings, resolver, tls: OnceLock::new(), accounts: Mutex::default() }
    }

    /// Whether `url` could be called now: its scheme is allowed, its host resolves, and at least
    /// one of its addresses may be called. Nothing is dialled.
    ///
    /// # Errors
    /// What an attempt would fail with before it dials.
    pub async fn check(&self, url: &Url) -> Result<(), ConnectError> {
        self.vetted(url).await.map(|_| ())
    }

    /// The addresses of `url`'s host that may be called; never empty. Literals, in whatever
    /// notation, pass the same check as resolved names: `Url` has parsed them already.
    pub(super) async fn vetted(&self, url: &Url) -> Result<Vec<SocketAddr>, ConnectError> {
        if url.scheme() != "https" && !self.settings.allow_http {
            return Err(ConnectError::PlainHttp);
        }
        let host = || url.host_str().unwrap_or_default().to_owned();
        let addresses = match url.host() {
            Some(Host::Ipv4(address)) => vec![IpAddr::V4(address)],
            Some(Host::Ipv6(address)) => vec![IpAddr::V6(address)],
            Some(Host::Domain(name)) => self
                .resolver
                .resolve(name)
                .await
                .map_err(|source| ConnectError::Resolve { host: host(), source })?,
            None => Vec::new(),
        };
        let port = url.port_or_known_default().unwrap_or_default();
        let mut vetted = Vec::with_capacity(addresses.len());
        let mut refused = None;
        for address in addresses {
            match guard::verdict(address, &self.settings.allow_cidrs) {
                Ok(()) => vetted.push(SocketAddr::new(address, port)),
                Err(blocked) => refused = Some(blocked),
            }
        }
        match refused {
            _ if !vetted.is_empty() => Ok(vetted),
            Some(source) => Err(ConnectError::Blocked { host: host(), source }),
            None => Err(ConnectError::NoAddress { host: host() }),
        }
    }

    /// The tokens of these credentials, whatever endpoint shows them. They outlast a pipeline: a
    /// slot that is taken again is no reason to ask for new ones.
    pub(super) fn account(
        &self,
        credentials: &ClientCredentials,
        files: &TlsFiles,
    ) -> Arc<Account> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(accounts.entry((credentials.clone(), files.clone())).or_default())
    }

    /// Nobody takes connections at the addresses of `url`'s host: they may be old.
    pub(super) fn doubt(&self, url: &Url) {
        if let Some(Host::Domain(name)) = url.host() {
            self.resolver.doubt(name);
        }
    }

    /// TLS that trusts the system's roots, shared with its cache of sessions.
    pub(super) fn system_tls(&self) -> Result<Arc<ClientConfig>, TlsError> {
        if let Some(config) = self.tls.get() {
            return Ok(Arc::clone(config));
        }
        let config = tls::with_system_roots()?;
        Ok(Arc::clone(self.tls.get_or_init(|| config)))
    }
}
