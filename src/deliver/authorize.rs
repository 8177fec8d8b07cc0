//! A token for each attempt, by OAuth 2.0 client credentials (RFC 6749, 4.4): cached, replaced
//! shortly before it expires, and asked for by one call at a time.

use std::sync::Arc;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use rustls::ClientConfig;
use serde::Deserialize;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::call::{self, Answer};
use super::connector::Step;
use super::failure::{answered, chain};
use super::network::Network;
use super::request::{ClientError, RequestError};
use super::tls;
use super::token::{Account, Known, NoToken, Token};
use crate::endpoint::{ClientCredentials, TlsFiles};
use crate::secret::Secret;

/// Gets the tokens of one endpoint.
pub(super) struct Authorizer {
    url: Url,
    host: String,
    request: Request<Full<Bytes>>,
    tls: Option<Arc<ClientConfig>>,
    /// Shared by all endpoints with the same credentials.
    account: Arc<Account>,
}

impl Authorizer {
    /// Prepares what all calls of the token endpoint share.
    pub(super) fn new(
        credentials: &ClientCredentials,
        files: &TlsFiles,
        network: &Network,
    ) -> Result<Self, ClientError> {
        let url = credentials.token_url.expose().clone();
        let tls = match (url.scheme(), files == &TlsFiles::default()) {
            ("https", true) => Some(network.system_tls()?),
            ("https", false) => Some(tls::with_files_and_system_roots(files)?),
            _ => None,
        };
        Ok(Self {
            host: url.host_str().unwrap_or_default().to_owned(),
            request: request(credentials, &url).ok_or(RequestError::TokenUrl)?,
            url,
            tls,
            account: network.account(credentials, files),
        })
    }

    /// The token endpoint's host.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// A token, another one than `rejected`. Keeps `step` of the call up to date.
    pub(super) async fn token(
        &self,
        network: &Network,
        rejected: Option<&Arc<Token>>,
        step: &mut Step,
    ) -> Result<Arc<Token>, NoToken> {
        // Whoever waits for another's call waits for the answer.
        *step = Step::Connected;
        let since = Instant::now();
        let known = || self.account.known(rejected, Instant::now());
        let (_gate, aging) = match known() {
            Known::Fresh(token) => return Ok(token),
            // It is good for a while: one asks for another, and nobody waits for him.
            Known::Aging(token) => match self.account.gate.try_lock() {
                Ok(gate) => (gate, Some(token)),
                Err(_) => return Ok(token),
            },
            Known::Nothing => (self.account.gate.lock().await, None),
        };
        if let Known::Fresh(token) = known() {
            return Ok(token);
        }
        if let Some(failure) = self.account.failure_after(since) {
            return aging.ok_or(failure);
        }
        match self.ask(network, step).await {
            Ok((token, expires_in)) => {
                let token = Arc::new(token);
                self.account.keep(Arc::clone(&token), expires_in, Instant::now());
                Ok(token)
            }
            Err(failure) => {
                self.account.fail(failure.clone(), Instant::now());
                aging.ok_or(failure)
            }
        }
    }

    async fn ask(
        &self,
        network: &Network,
        step: &mut Step,
    ) -> Result<(Token, Option<f64>), NoToken> {
        let (at, tls) = ((network, &self.url), self.tls.as_ref());
        let answer = call::call(at, tls, self.request.clone(), step).await;
        let (why, is_resolver_out) = match answer {
            Ok(answer) => match read(&answer) {
                Ok(given) => return Ok(given),
                Err(why) => (why, false),
            },
            Err(error) => (chain(&error), error.is_resolver_out()),
        };
        Err(NoToken { text: format!("no token from {}: {why}", self.host), is_resolver_out })
    }
}

/// RFC 6749, 4.4.2; the client shows who it is by Basic auth, which every server must take (2.3.1:
/// id and secret are form-encoded first).
fn request(credentials: &ClientCredentials, url: &Url) -> Option<Request<Full<Bytes>>> {
    let ClientCredentials { client_id, client_secret, scope, .. } = credentials;
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encoded(client_id), encoded(client_secret.expose()));
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    if !scope.is_empty() {
        form.append_pair("scope", scope);
    }
    let mut authorization = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
        .expect("base64 can stand in a header");
    authorization.set_sensitive(true);
    call::request(Method::POST, url)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(AUTHORIZATION, authorization)
        .body(Full::from(form.finish()))
        .ok()
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// What a server may call its refusal (RFC 6749, 4.1.2.1 and 5.2). Other words could be anything.
const REFUSALS: [&str; 9] = [
    "access_denied",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
];

/// Headers are kept at each attempt, and receivers take 8 KiB of them or little more.
pub(super) const LONGEST_TOKEN: usize = 16 * 1024;

/// The token of an answer and how many seconds it is good for; or why there is none, without a
/// word of the server's but the known ones.
fn read(answer: &Answer) -> Result<(Token, Option<f64>), String> {
    if answer.status != StatusCode::OK {
        let refusal = serde_json::from_slice::<Refusal>(&answer.body).ok();
        let known =
            refusal.and_then(|given| REFUSALS.into_iter().find(|word| *word == given.error));
        let known = known.map(|word| format!(" ({word})")).unwrap_or_default();
        return Err(format!("{}{known}", answered(answer.status.as_u16())));
    }
    let Ok(given) = serde_json::from_slice::<Given>(&answer.body) else {
        return Err("the answer is not JSON with an access_token".to_owned());
    };
    if !given.token_type.is_none_or(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err("it gives tokens of another type than Bearer".to_owned());
    }
    let text = given.access_token;
    if text.is_empty() || text.len() > LONGEST_TOKEN || !text.bytes().all(|b| b.is_ascii_graphic())
    {
        return Err("its token cannot be sent: not 1 to 16384 visible ASCII characters".to_owned());
    }
    let mut header = HeaderValue::try_from(format!("Bearer {text}"))
        .expect("visible ASCII can stand in a header");
    header.set_sensitive(true);
    // Some servers write the number as a text.
    let expires_in = given.expires_in.and_then(|value| match value {
        serde_json::Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    });
    Ok((Token { header, text: Secret::new(text) }, expires_in))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::deliver::network::NetworkSettings;
    use crate::deliver::resolver::Resolver;
    use crate::secret::SecretUrl;

    fn answer(status: u16, body: &str) -> Answer {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, headers: http::HeaderMap::new(), body }
    }

    fn given(body: &str) -> Result<(String, Option<f64>), String> {
        read(&answer(200, body)).map(|(token, life)| (token.text.expose().to_owned(), life))
    }

    #[test]
    fn a_token_comes_with_its_lifetime_in_whatever_notation() {
        let token = |life| Ok(("abc".to_owned(), life));
        for (rest, life) in [
            ("", None),
            (r#","expires_in":3600"#, Some(3600.0)),
            (r#","expires_in":"3600""#, Some(3600.0)),
            (r#","expires_in":1e99"#, Some(1e99)),
            (r#","expires_in":null,"scope":"a","more":[{}]"#, None),
            (r#","expires_in":[]"#, None),
            (r#","token_type":"bearer""#, None),
            (r#","token_type":"BEARER""#, None),
        ] {
            assert_eq!(given(&format!(r#"{{"access_token":"abc"{rest}}}"#)), token(life), "{rest}");
        }
    }

    #[test]
    fn what_is_no_bearer_token_is_refused_without_a_word_of_it() {
        let long = format!(r#"{{"access_token":"{}"}}"#, "s3cret".repeat(4096));
        for body in [
            "",
            "access_token=s3cret&token_type=bearer",
            "[\"s3cret\"]",
            r#"{"access_token":5}"#,
            r#"{"access_token":""}"#,
            r#"{"access_token":"s3 cret"}"#,
            r#"{"access_token":"s3cret\r\nX-Evil: 1"}"#,
            r#"{"access_token":"s3crét"}"#,
            r#"{"access_token":"s3cret","token_type":"mac"}"#,
            &long,
        ] {
            let why = given(body).unwrap_err();
            assert!(!why.contains("s3c"), "{why}");
        }
    }

    #[test]
    fn a_refusal_names_its_status_and_only_a_word_of_the_rfc() {
        let why = |status, body: &str| read(&answer(status, body)).err().unwrap();
        let known = r#"{"error":"invalid_client","error_description":"s3cret"}"#;
        assert_eq!(why(401, known), "answered 401 Unauthorized (invalid_client)");
        assert_eq!(why(400, r#"{"error":"s3cret"}"#), "answered 400 Bad Request");
        assert_eq!(why(503, "<html>"), "answered 503 Service Unavailable");
        assert_eq!(why(302, ""), "answered 302 Found; redirects are not followed");
        assert_eq!(why(201, r#"{"access_token":"abc"}"#), "answered 201 Created");
    }

    #[test]
    fn id_and_secret_are_form_encoded_before_they_become_basic_auth() {
        let token_url: Url = "https://login.example/token?tenant=1".parse().unwrap();
        let credentials = ClientCredentials {
            client_id: "a:b c".to_owned(),
            client_secret: Secret::new("p%+é/="),
            token_url: SecretUrl::new(token_url.clone()),
            scope: "x:read y".to_owned(),
        };
        let request = request(&credentials, &token_url).unwrap();
        let basic = request.headers()[AUTHORIZATION].to_str().unwrap();
        let pair = STANDARD.decode(basic.strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(String::from_utf8(pair).unwrap(), "a%3Ab+c:p%25%2B%C3%A9%2F%3D");
        assert_eq!(request.uri(), "/token?tenant=1");
    }

    /// An authorizer whose token endpoint nobody listens at.
    fn alone() -> (Network, Authorizer) {
        let settings = NetworkSettings {
            allow_http: true,
            allow_cidrs: vec!["127.0.0.0/8".parse().unwrap()],
            response_body_bytes: 0,
        };
        let network = Network::new(settings, Resolver::system());
        let credentials = ClientCredentials {
            client_id: "walhook".to_owned(),
            client_secret: Secret::new("s3cret"),
            token_url: SecretUrl::new("http://127.0.0.1:1/".parse().unwrap()),
            scope: String::new(),
        };
        let authorizer = Authorizer::new(&credentials, &TlsFiles::default(), &network).unwrap();
        (network, authorizer)
    }

    #[tokio::test]
    async fn a_token_that_is_still_good_is_used_where_a_new_one_cannot_be_had() {
        let (network, authorizer) = alone();
        let token = Token { header: HeaderValue::from_static("Bearer a"), text: Secret::new("a") };
        let token = Arc::new(token);
        let minutes = |number: u64| Instant::now() - std::time::Duration::from_secs(number * 60);
        let mut step = Step::default();
        for (given, is_good) in [(minutes(9), true), (minutes(11), false)] {
            authorizer.account.keep(Arc::clone(&token), Some(600.0), given);
            let had = authorizer.token(&network, None, &mut step).await;
            assert_eq!(had.is_ok(), is_good);
        }
    }

    #[tokio::test]
    async fn while_one_asks_for_a_successor_the_others_use_what_they_have() {
        let (network, authorizer) = alone();
        let token = Token { header: HeaderValue::from_static("Bearer a"), text: Secret::new("a") };
        let given = Instant::now() - std::time::Duration::from_secs(9 * 60 + 1);
        authorizer.account.keep(Arc::new(token), Some(600.0), given);
        let _asking = authorizer.account.gate.lock().await;
        let had = authorizer.token(&network, None, &mut Step::default()).now_or_never();
        assert!(had.is_some_and(|token| token.is_ok()));
    }
}
