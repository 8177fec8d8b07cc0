//! An endpoint as configured: where to send what, how to sign it, when to try again.
//!
//! Values are checked where they are made (`config`); whoever holds an [`Endpoint`] trusts it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use uuid::Uuid;

use crate::condition::Condition;
use crate::lsn::Lsn;
use crate::secret::{Secret, SecretUrl};
use crate::template::Template;

/// Identity of an endpoint in the log and the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(pub Uuid);

/// One configured receiver of webhooks.
#[derive(Clone, PartialEq)]
pub struct Endpoint {
    /// Identity; for an endpoint of the file a function of its name.
    pub id: EndpointId,
    /// Unique name.
    pub name: String,
    /// The tenant it belongs to.
    pub application: String,
    /// What may reach the tenant's endpoints at all.
    pub reach: Reach,
    /// Its settings cannot be used whole: its events wait until they are mended.
    pub is_faulty: bool,
    /// Events before this position are not for it: it was made later.
    pub active_from: Lsn,
    /// Absolute http or https URL without user info.
    pub url: url::Url,
    /// POST, PUT or PATCH.
    pub method: Method,
    /// False: no deliveries are made for what happens meanwhile.
    pub enabled: bool,
    /// The first signs; all sign where the profile can carry several. Empty: unsigned.
    pub secrets: Vec<Secret>,
    /// Signature profiles, each at most once.
    pub signature: Vec<Profile>,
    /// Which events it wants.
    pub filter: Filter,
    /// What makes the body of the payload; `None` sends the payload.
    pub transform: Option<Template>,
    /// What must be true of a change besides.
    pub condition: Option<Condition>,
    /// Custom headers, in order; names as written (valid, not reserved).
    pub headers: Vec<(String, Secret)>,
    /// How it authenticates us, from `auth` or the URL's user info.
    pub auth: Option<Auth>,
    /// Private CA and client certificate.
    pub tls: TlsFiles,
    /// One deadline over DNS, connect, TLS, headers and body.
    pub timeout: Duration,
    /// What to try again and when.
    pub retry: RetryPolicy,
    /// What must not overtake what.
    pub ordering: Ordering,
    /// Most requests at a time, at least 1.
    pub max_in_flight: usize,
    /// Attempts a second; 0 = no limit.
    pub rate_limit_per_second: u32,
    /// Rest after the k-th consecutive failure; the last value repeats; never empty.
    pub failure_rest: Vec<Duration>,
    /// Consecutive failures at which an alert is raised.
    pub alert_after: Vec<u32>,
    /// Consecutive failures that disable the endpoint; 0 = never.
    pub disable_after: u32,
    /// And how long it must have been failing by then.
    pub disable_min_duration: Duration,
}

/// The name alone: the URL's query may hold a token, and the rest is in the file.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What may reach the endpoints of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Value of a model's application column that means this tenant. Rows of such a model reach
    /// nobody else.
    pub key: Option<String>,
    /// Globs over model labels and custom event types.
    pub models: Vec<String>,
}

impl Default for Reach {
    fn default() -> Self {
        Self { key: None, models: vec!["*".to_owned()] }
    }
}

/// What an endpoint wants to hear of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// `created`, `updated`, … or type globs; `*` is all.
    pub events: Vec<String>,
    /// Globs over model labels; empty = all.
    pub include_models: Vec<String>,
    /// Globs over model labels.
    pub exclude_models: Vec<String>,
    /// Per model label or `*`: the only fields shown. Fields are columns or dotted json paths.
    pub include_fields: Vec<(String, Vec<String>)>,
    /// Per model label or `*`: fields never shown.
    pub exclude_fields: Vec<(String, Vec<String>)>,
    /// Per model label or `*`: field and the text shown in its place.
    pub redact_fields: Vec<(String, Vec<(String, String)>)>,
    /// Inbound sources whose handlers' changes are not sent; `*` is all.
    pub exclude_origins: Vec<String>,
}

/// HTTP method of deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// POST.
    #[default]
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
}

/// How a body is signed (contract 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `X-Webhook-Signature: sha256=<hex>` over `{timestamp}.{body}`.
    XWebhook,
    /// Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    Standard,
    /// `X-Webhook-Signature: <hex>` over the body.
    Body,
    /// `X-Signature: sha256=<hex>` over the body.
    XSignature,
}

/// How walhook authenticates itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Basic auth.
    Basic {
        /// User name.
        username: String,
        /// Password.
        password: Secret,
    },
    /// A fixed bearer token.
    Bearer {
        /// The token.
        token: Secret,
    },
    /// A bearer token got by OAuth 2.0 client credentials (RFC 6749, 4.4).
    OAuth2(ClientCredentials),
}

/// What a token is got with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientCredentials {
    /// Who we are at the token endpoint.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// The token endpoint; without user info.
    pub token_url: SecretUrl,
    /// Scopes to ask for, separated by spaces; empty = what the server gives by itself.
    pub scope: String,
}

/// PEM files for a receiver with its own CA or mutual TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TlsFiles {
    /// Roots to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Client certificate chain.
    pub cert_file: Option<PathBuf>,
    /// Its private key.
    pub key_file: Option<PathBuf>,
}

/// When a failed attempt is followed by another.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Delay before the k-th retry; as many retries as delays.
    pub schedule: Vec<Duration>,
    /// Share of the delay by which it may differ either way, 0 to 1.
    pub jitter: f64,
    /// Statuses that are retried; empty = every one that is not 2xx. Network failures always are.
    pub retry_on_status: Vec<u16>,
}

/// What must not overtake what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ordering {
    /// Events of one row.
    #[default]
    Key,
    /// All events of the endpoint.
    Endpoint,
    /// Nothing.
    None,
}

impl Method {
    /// As it stands in a request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
        }
    }
}

/// Whether `pattern` matches the whole of `text`; `*` stands for any run of characters, dots
/// included, and everything else for itself.
pub fn glob_matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go on when what follows the last star turns out not to match.
    let mut retry = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            retry = Some((p + 1, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((after_star, from)) = retry {
            retry = Some((after_star, from + 1));
            (p, t) = (after_star, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_crosses_dots_and_the_rest_is_literal() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "order.created", true),
            ("order.*", "order.created", true),
            ("order.*", "orders.created", false),
            ("*.created", "order.item.created", true),
            ("order.*.completed", "order.a.b.completed", true),
            ("order.*.completed", "order.completed", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b", false),
            ("Order.*", "order.created", false),
            ("order.?", "order.x", false),
            ("", "x", false),
            ("**", "x", true),
        ] {
            assert_eq!(glob_matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
