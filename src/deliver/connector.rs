//! From a URL to a connection: resolve, vet every address, dial only vetted ones, TLS.
//!
//! There is no other way to a socket in this stage, and no proxy: a guard that sits in a resolver
//! misses literals, one that sits before it misses what names turn into.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use url::Url;

use super::connect_error::ConnectError;
use super::network::Network;
use super::wire::Stream;

/// How far a connection has come; names what a deadline cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Step {
    #[default]
    Resolving,
    Dialling,
    Handshaking,
    Connected,
}

/// Connects to `url`, with TLS if `tls` is given, and keeps `step` up to date.
pub(super) async fn connect(
    url: &Url,
    network: &Network,
    tls: Option<&Arc<ClientConfig>>,
    step: &mut Step,
) -> Result<Stream, ConnectError> {
    *step = Step::Resolving;
    let addresses = network.vetted(url).await?;
    *step = Step::Dialling;
    let tcp = dial(addresses).await.inspect_err(|_| network.doubt(url))?;
    let stream = match tls {
        None => Stream::Plain(tcp),
        Some(config) => {
            *step = Step::Handshaking;
            handshake(url, config, tcp).await?
        }
    };
    *step = Step::Connected;
    Ok(stream)
}

async fn handshake(
    url: &Url,
    config: &Arc<ClientConfig>,
    tcp: TcpStream,
) -> Result<Stream, ConnectError> {
    let host = url.host_str().unwrap_or_default();
    // A URL writes an IPv6 literal in brackets, a certificate does not.
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(bare)
        .map_err(|_| ConnectError::ServerName { host: host.to_owned() })?;
    let stream = TlsConnector::from(Arc::clone(config)).connect(name, tcp).await;
    let stream =
        stream.map_err(|source| ConnectError::Handshake { host: host.to_owned(), source })?;
    Ok(Stream::Tls(Box::new(stream)))
}

/// An address that neither answers nor refuses gets this long before the next one is tried
/// beside it; RFC 8305 recommends it.
const HEAD_START: Duration = Duration::from_millis(250);

/// A name with more addresses than this would make us knock on many doors for one delivery.
const MOST_ADDRESSES: usize = 16;

/// The first of `addresses` to take a connection. Each is tried when the one before it has
/// failed or used up its head start.
async fn dial(addresses: Vec<SocketAddr>) -> Result<TcpStream, ConnectError> {
    let mut waiting = alternate_families(addresses).into_iter().take(MOST_ADDRESSES);
    let mut dials = FuturesUnordered::new();
    dials.extend(waiting.next().map(dial_one));
    loop {
        tokio::select! {
            Some(dialled) = dials.next() => match dialled {
                Ok(stream) => return Ok(stream),
                Err(error) => match waiting.next() {
                    Some(address) => dials.push(dial_one(address)),
                    None if dials.is_empty() => return Err(error),
                    None => {}
                },
            },
            () = tokio::time::sleep(HEAD_START), if waiting.len() > 0 => {
                dials.extend(waiting.next().map(dial_one));
            }
        }
    }
}

async fn dial_one(address: SocketAddr) -> Result<TcpStream, ConnectError> {
    let connected = async {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_nodelay(true)?;
        socket.set_keepalive(true)?;
        socket.connect(address).await
    };
    connected.await.map_err(|source| ConnectError::Dial { address, source })
}

/// Keeps the resolver's order within each family and takes them in turn, so that one family
/// without a route costs one head start and not one for each address.
fn alternate_families(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv4() == first_is_v4);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut order = Vec::with_capacity(first.len() + second.len());
    while first.len() + second.len() > 0 {
        order.extend(first.next());
        order.extend(second.next());
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_in_the_resolvers_order() {
        let parse = |list: &[&str]| -> Vec<SocketAddr> {
            list.iter().map(|address| address.parse().unwrap()).collect()
        };
        let given = parse(&["[1::]:1", "[2::]:1", "[3::]:1", "1.0.0.0:1"]);
        assert_eq!(
            alternate_families(given),
            parse(&["[1::]:1", "1.0.0.0:1", "[2::]:1", "[3::]:1"])
        );
        assert_eq!(alternate_families(vec![]), vec![]);
    }
}
