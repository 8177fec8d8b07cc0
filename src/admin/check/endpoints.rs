//! Whether endpoints, token endpoints and the alert URL can be called, and may be. The only check that asks the network for
//! anything but PostgreSQL: it resolves names, and calls nobody.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use url::{Host, Url};

use super::Report;
use crate::config::{Config, Severity};
use crate::deliver::client::{Client, ClientError};
use crate::deliver::guard::verdict;
use crate::deliver::network::{Network, NetworkSettings};
use crate::deliver::resolver::Resolver;
use crate::endpoint::Auth;
use crate::store::chain;

/// Certificates, keys and headers: what the daemon would refuse to start with.
pub(super) fn clients(config: &Config, report: &mut Report) {
    let settings = NetworkSettings {
        allow_http: config.security.allow_http,
        allow_cidrs: config.security.allow_cidrs.clone(),
        response_body_bytes: config.retention.response_body_bytes,
    };
    let network = Arc::new(Network::new(settings, Resolver::system()));
    for (index, endpoint) in config.endpoints.iter().enumerate() {
        let Err(error) = Client::new(endpoint, Arc::clone(&network)) else { continue };
        let key = match error {
            ClientError::Tls(_) => format!("endpoints[{index}].tls"),
            ClientError::Request(_) => format!("endpoints[{index}]"),
        };
        let fix = "correct the value that it names";
        report.configuration.push(config.places.fault_at(&key, chain(&error), fix));
    }
}

/// A resolver that takes longer fails deliveries too.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn addresses(config: &Config, report: &mut Report) {
    let resolver = Resolver::system();
    for (key, url) in urls(config) {
        let name = match url.host() {
            Some(Host::Ipv4(address)) => {
                judge(config, &key, None, &[IpAddr::V4(address)], report);
                continue;
            }
            Some(Host::Ipv6(address)) => {
                judge(config, &key, None, &[IpAddr::V6(address)], report);
                continue;
            }
            Some(Host::Domain(name)) => name,
            None => continue,
        };
        let found = timeout(PATIENCE, resolver.resolve(name)).await;
        let addresses = found.ok().and_then(Result::ok).unwrap_or_default();
        if addresses.is_empty() {
            let problem = format!("{name} does not resolve on this machine now");
            let fix = "correct the host name, or the resolver";
            let mut fault = config.places.fault_at(&key, problem, fix);
            fault.severity = Severity::Warning;
            report.configuration.push(fault);
        }
        judge(config, &key, Some(name), &addresses, report);
    }
}

/// All that is called, and where it is configured.
fn urls(config: &Config) -> impl Iterator<Item = (String, &Url)> {
    let of_endpoints = config.endpoints.iter().enumerate().flat_map(|(index, endpoint)| {
        let token_url = match &endpoint.auth {
            Some(Auth::OAuth2(credentials)) => Some(credentials.token_url.expose()),
            _ => None,
        };
        let token_url = token_url.map(|url| (format!("endpoints[{index}].auth.token_url"), url));
        std::iter::once((format!("endpoints[{index}].url"), &endpoint.url)).chain(token_url)
    });
    let of_alerts = config.alerts.url.iter().map(|url| ("alerts.url".to_owned(), url.expose()));
    of_endpoints.chain(of_alerts)
}

fn judge(
    config: &Config,
    key: &str,
    name: Option<&str>,
    addresses: &[IpAddr],
    report: &mut Report,
) {
    for address in addresses {
        let Err(blocked) = verdict(*address, &config.security.allow_cidrs) else { continue };
        let resolved = name.map(|name| format!("{name} is at ")).unwrap_or_default();
        let problem = format!("may not be called: {resolved}{address} is {}", blocked.kind);
        let fix = format!(
            "[security] allow_cidrs = [\"{}\"], if that is meant",
            ipnet::IpNet::from(*address)
        );
        report.configuration.push(config.places.fault_at(key, problem, fix));
    }
}
