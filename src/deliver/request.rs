//! The request of an attempt (contract 3.2): all that stays is prepared once per endpoint.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT,
};
use http::uri::PathAndQuery;
use http::{Extensions, HeaderMap, Method, Request, Uri};
use http_body_util::Full;
use std::fmt::Write;
use url::Url;

use super::spelling::spelling;
use super::tls::TlsError;
use super::token::Token;
use crate::endpoint::{self, Auth, Endpoint, Profile};
use crate::event::Delivery;
use crate::secret::Secret;
use crate::sign::{Message, Scheme, SecretError, Signer};

/// An endpoint that cannot be called as configured.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Its URL, a header or a secret is at fault.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Its TLS files are, or the system's roots.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// The endpoint cannot be called at all.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The URL is no http or https URL with a host.
    #[error("the URL is not one that can be called")]
    Url,
    /// The URL that tokens are asked for at is none.
    #[error("token_url is not one that can be called")]
    TokenUrl,
    /// A custom header is not valid.
    #[error("header {name} is not valid")]
    Header {
        /// Its name as configured.
        name: String,
    },
    /// A secret cannot sign.
    #[error("could not prepare the signatures")]
    Secret(#[from] SecretError),
}

/// Makes the requests of one endpoint.
pub(super) struct Requests {
    method: Method,
    uri: Uri,
    /// Every header of a request, in order; those that differ hold an empty value.
    headers: HeaderMap,
    spelling: Option<Extensions>,
    signers: Vec<Signer>,
    /// Of all signers' headers, in their order.
    signature_names: Vec<HeaderName>,
    /// Secret texts that a receiver could echo into what is logged.
    pub(super) secrets: Vec<Secret>,
    /// Names of custom headers, whose values are masked wherever they show up.
    pub(super) masked: Vec<HeaderName>,
}

const EVENT: HeaderName = HeaderName::from_static("x-webhook-event");
const EVENT_ID: HeaderName = HeaderName::from_static("x-webhook-event-id");
const DELIVERY: HeaderName = HeaderName::from_static("x-webhook-delivery");
const ATTEMPT: HeaderName = HeaderName::from_static("x-webhook-attempt");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-webhook-timestamp");

impl Requests {
    pub(super) fn new(endpoint: &Endpoint) -> Result<Self, RequestError> {
        let signers = endpoint
            .signature
            .iter()
            .map(|profile| Signer::new(scheme(*profile), &endpoint.secrets))
            .collect::<Result<Vec<_>, _>>()?;
        let signature_spellings = signers.iter().flat_map(|signer| signer.header_names());
        let signature_names: Vec<_> = signature_spellings
            .clone()
            .filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok())
            .collect();

        let mut headers = fixed_headers(&endpoint.url)?;
        for name in &signature_names {
            headers.append(name, HeaderValue::from_static(""));
        }
        let mut masked = Vec::new();
        let authorization = endpoint.auth.as_ref().map(authorization);
        let authorization = authorization.iter().map(|value| ("Authorization", value));
        let custom = endpoint.headers.iter().map(|(name, value)| (name.as_str(), value));
        for (spelt, value) in authorization.chain(custom) {
            let invalid = || RequestError::Header { name: spelt.to_owned() };
            let name = HeaderName::from_bytes(spelt.as_bytes()).map_err(|_| invalid())?;
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_| invalid())?;
            value.set_sensitive(true);
            masked.push(name.clone());
            headers.append(name, value);
        }
        let spellings = signature_spellings
            .copied()
            .chain(endpoint.headers.iter().map(|(name, _)| name.as_str()));
        Ok(Self {
            method: method(endpoint.method),
            uri: path_and_query(&endpoint.url)?,
            headers,
            spelling: spelling(spellings),
            signers,
            signature_names,
            secrets: echoable(endpoint),
            masked,
        })
    }

    /// The request of one attempt, and the value of its first signature header.
    pub(super) fn make(
        &self,
        delivery: &Delivery,
        (attempt, unix_seconds): (u32, i64),
        token: Option<&Token>,
    ) -> (Request<Full<Bytes>>, String) {
        let mut headers = self.headers.clone();
        if let Some(token) = token {
            headers.insert(AUTHORIZATION, token.header.clone());
        }
        let facts = Facts::new(delivery, attempt, unix_seconds);
        facts.fill(&mut headers);
        let message =
            Message { id: facts.id(), timestamp: facts.timestamp(), body: &delivery.body };
        let mut signature = String::new();
        let values = self.signers.iter().flat_map(|signer| signer.sign(&message));
        for (name, value) in self.signature_names.iter().zip(values) {
            if signature.is_empty() {
                signature.clone_from(&value);
            }
            // A signature is ASCII and so always a header's value.
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
        let mut request = Request::new(Full::new(delivery.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        if let Some(spelling) = &self.spelling {
            *request.extensions_mut() = spelling.clone();
        }
        (request, signature)
    }
}

/// Texts of one attempt, written into one allocation that the header values share.
struct Facts {
    text: Bytes,
    /// Where the event id, the delivery's id, the attempt and the timestamp end.
    ends: [usize; 4],
    event: Bytes,
}

impl Facts {
    fn new(delivery: &Delivery, attempt: u32, unix_seconds: i64) -> Self {
        let mut text = BytesMut::with_capacity(96);
        let mut ends = [0; 4];
        let facts: [&dyn std::fmt::Display; 4] =
            [&delivery.event.id, &delivery.id.0, &attempt, &unix_seconds];
        for (fact, end) in facts.into_iter().zip(&mut ends) {
            // Writing to memory does not fail.
            let _ = write!(text, "{fact}");
            *end = text.len();
        }
        // Names of tables may hold characters that a header may not.
        let plain = |byte| if matches!(byte, b' '..=b'~' | 0x80..) { byte } else { b'?' };
        let event = delivery.event.event_type.bytes().map(plain).collect();
        Self { text: text.freeze(), ends, event }
    }

    fn id(&self) -> &str {
        std::str::from_utf8(&self.text[..self.ends[0]]).unwrap_or_default()
    }

    fn timestamp(&self) -> &str {
        std::str::from_utf8(&self.text[self.ends[2]..self.ends[3]]).unwrap_or_default()
    }

    fn fill(&self, headers: &mut HeaderMap) {
        let mut start = 0;
        for (name, end) in [EVENT_ID, DELIVERY, ATTEMPT, TIMESTAMP].into_iter().zip(self.ends) {
            set(headers, name, self.text.slice(start..end));
            start = end;
        }
        set(headers, EVENT, self.event.clone());
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: Bytes) {
    if let Ok(value) = HeaderValue::from_maybe_shared(value) {
        headers.insert(name, value);
    }
}

fn fixed_headers(url: &Url) -> Result<HeaderMap, RequestError> {
    let host = url.host_str().ok_or(RequestError::Url)?;
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let mut headers = HeaderMap::with_capacity(24);
    headers.insert(HOST, HeaderValue::try_from(host).map_err(|_| RequestError::Url)?);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_TEXT));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    for name in [EVENT, EVENT_ID, DELIVERY, ATTEMPT, TIMESTAMP] {
        headers.insert(name, HeaderValue::from_static(""));
    }
    Ok(headers)
}

const USER_AGENT_TEXT: &str = concat!("walhook/", env!("CARGO_PKG_VERSION"));

fn path_and_query(url: &Url) -> Result<Uri, RequestError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(RequestError::Url);
    }
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let target = PathAndQuery::try_from(target).map_err(|_| RequestError::Url)?;
    Ok(Uri::from(target))
}

fn authorization(auth: &Auth) -> Secret {
    match auth {
        // Each attempt puts its token there.
        Auth::OAuth2(_) => Secret::new(""),
        Auth::Basic { username, password } => {
            let pair = format!("{username}:{}", password.expose());
            Secret::new(format!("Basic {}", STANDARD.encode(pair)))
        }
        Auth::Bearer { token } => Secret::new(format!("Bearer {}", token.expose())),
    }
}

fn echoable(endpoint: &Endpoint) -> Vec<Secret> {
    let auth = endpoint.auth.iter().flat_map(|auth| match auth {
        Auth::Basic { password, .. } => vec![password.clone(), authorization(auth)],
        Auth::Bearer { token } => vec![token.clone()],
        Auth::OAuth2(credentials) => vec![credentials.client_secret.clone()],
    });
    let custom = endpoint.headers.iter().map(|(_, value)| value.clone());
    auth.chain(custom).collect()
}

fn method(method: endpoint::Method) -> Method {
    match method {
        endpoint::Method::Post => Method::POST,
        endpoint::Method::Put => Method::PUT,
        endpoint::Method::Patch => Method::PATCH,
    }
}

/// The signature scheme that a profile names.
pub fn scheme(profile: Profile) -> Scheme {
    match profile {
        Profile::XWebhook => Scheme::XWebhook,
        Profile::Standard => Scheme::Standard,
        Profile::Body => Scheme::Body,
        Profile::XSignature => Scheme::XSignature,
    }
}
