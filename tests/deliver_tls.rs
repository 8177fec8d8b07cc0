//! TLS is always verified, and every way in which it fails is of class `tls`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/attempts.rs"]
mod attempts;
#[path = "support/receiver.rs"]
mod receiver;

use std::path::PathBuf;
use std::sync::Arc;

use attempts::{attempt, client, delivery, endpoint, hasty, no_answer, open_network};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use receiver::{Receiver, answer, answer_all};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tempfile::TempDir;
use walhook::deliver::client::{Client, ClientError};
use walhook::deliver::tls::TlsError;
use walhook::endpoint::{Auth, ClientCredentials, Endpoint, TlsFiles};
use walhook::event::{Attempt, ErrorClass};
use walhook::secret::{Secret, SecretUrl};

/// A certificate authority with a directory of the files it has made.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    files: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        // Authorities of one name would be told apart by their signatures only.
        params.distinguished_name.push(DnType::CommonName, format!("{:?}", key.public_key_raw()));
        let certificate = params.self_signed(&key).unwrap();
        let files = TempDir::new().unwrap();
        std::fs::write(files.path().join("ca.pem"), certificate.pem()).unwrap();
        let certificate = certificate.der().clone();
        Self { issuer: Issuer::new(params, key), certificate, files }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// A certificate for `host`, changed by `change`, as DER and in `host.pem`, `host.key`.
    fn issue(&self, host: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.file(&format!("{host}.pem")), certificate.pem()).unwrap();
        std::fs::write(self.file(&format!("{host}.key")), key.serialize_pem()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        Identity { chain: vec![certificate.der().clone()], key }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        roots
    }

    fn trusted(&self) -> TlsFiles {
        TlsFiles { ca_file: Some(self.file("ca.pem")), ..TlsFiles::default() }
    }
}

struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

fn versions(
    versions: &[&'static SupportedProtocolVersion],
) -> rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap()
}

fn server(identity: Identity) -> Arc<ServerConfig> {
    let builder = versions(rustls::ALL_VERSIONS).with_no_client_auth();
    Arc::new(builder.with_single_cert(identity.chain, identity.key).unwrap())
}

async fn serve(config: Arc<ServerConfig>) -> Receiver {
    Receiver::start_tls(config, |peer| answer_all(peer, answer("200 OK", &[], "").into())).await
}

fn secure(receiver: &Receiver, host: &str, tls: TlsFiles) -> Endpoint {
    let url = format!("https://{host}:{}/", receiver.address.port());
    Endpoint { tls, ..endpoint(&url) }
}

#[track_caller]
fn assert_tls_failure(attempt: &Attempt, because: &str) {
    let (class, message) = no_answer(attempt);
    assert_eq!(class, ErrorClass::Tls, "{message}");
    assert!(message.contains(because), "{message}");
}

#[tokio::test]
async fn a_private_ca_is_trusted_where_it_is_named_and_connections_are_kept() {
    let authority = Authority::new();
    let receiver = serve(server(authority.issue("localhost", |_| {}))).await;
    let client = client(&secure(&receiver, "localhost", authority.trusted()));
    let mut idle = None;
    for _ in 0..3 {
        let (attempt, connection) = client.attempt(idle, &delivery("{}"), 1).await;
        assert_eq!(attempt.status, Some(200), "{attempt:?}");
        idle = connection;
    }
    assert_eq!((receiver.connections(), receiver.requests().len()), (1, 3));
}

#[tokio::test]
async fn an_address_can_have_a_certificate_too() {
    let authority = Authority::new();
    let receiver = serve(server(authority.issue("127.0.0.1", |_| {}))).await;
    let attempt = attempt(&secure(&receiver, "127.0.0.1", authority.trusted())).await;
    assert_eq!(attempt.status, Some(200), "{attempt:?}");
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let receiver = serve(server(authority.issue("localhost", |_| {}))).await;
    let attempt = attempt(&secure(&receiver, "localhost", other.trusted())).await;
    assert_tls_failure(&attempt, "UnknownIssuer");
    assert!(receiver.requests().is_empty());
}

#[tokio::test]
async fn a_self_signed_certificate_is_refused() {
    let authority = Authority::new();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "localhost");
    let certificate = params.self_signed(&key).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let receiver = serve(server(Identity { chain: vec![certificate.der().clone()], key })).await;
    let attempt = attempt(&secure(&receiver, "localhost", authority.trusted())).await;
    assert_tls_failure(&attempt, "UnknownIssuer");
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let authority = Authority::new();
    let expired = authority.issue("localhost", |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    let receiver = serve(server(expired)).await;
    let attempt = attempt(&secure(&receiver, "localhost", authority.trusted())).await;
    assert_tls_failure(&attempt, "certificate expired");
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let authority = Authority::new();
    let receiver = serve(server(authority.issue("other.example", |_| {}))).await;
    for host in ["localhost", "127.0.0.1"] {
        let attempt = attempt(&secure(&receiver, host, authority.trusted())).await;
        assert_tls_failure(&attempt, "not valid for");
    }
}

#[tokio::test]
async fn a_receiver_that_does_not_speak_tls_is_of_class_tls() {
    let authority = Authority::new();
    let plain = Receiver::start(|mut peer| async move {
        peer.send("HTTP/1.1 400 Bad Request\r\n\r\n").await;
        peer.closed().await;
    })
    .await;
    assert_tls_failure(&attempt(&secure(&plain, "localhost", authority.trusted())).await, "");
    let closing = Receiver::start(|peer| async move { peer.close().await }).await;
    assert_tls_failure(&attempt(&secure(&closing, "localhost", authority.trusted())).await, "");
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_of_class_timeout() {
    let authority = Authority::new();
    let silent = Receiver::start(|mut peer| async move { peer.closed().await }).await;
    let url = format!("https://localhost:{}/", silent.address.port());
    let attempt = attempt(&Endpoint { tls: authority.trusted(), ..hasty(&url) }).await;
    let expected = (ErrorClass::Timeout, "TLS handshake with localhost did not end within 500ms");
    assert_eq!(no_answer(&attempt), expected);
}

#[tokio::test]
async fn both_tls_versions_are_spoken_and_only_http_1_1_is_offered() {
    let authority = Authority::new();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let identity = authority.issue("localhost", |_| {});
        let builder = versions(&[version]).with_no_client_auth();
        let mut config = builder.with_single_cert(identity.chain, identity.key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let receiver = serve(Arc::new(config)).await;
        let attempt = attempt(&secure(&receiver, "localhost", authority.trusted())).await;
        assert_eq!(attempt.status, Some(200), "{attempt:?}");
    }
}

#[tokio::test]
async fn a_connection_cut_without_a_word_of_tls_changes_no_status_that_came() {
    let authority = Authority::new();
    let head = "HTTP/1.1 200 OK\r\n";
    for (says, status) in [
        (format!("{head}Content-Length: 9\r\n\r\nx"), Some(200)),
        (format!("{head}\r\nuntil the end"), Some(200)),
        (format!("{head}X-"), Some(200)),
        ("HTTP/1.1 20".to_owned(), None),
        (String::new(), None),
    ] {
        let said = says.clone();
        let tls = server(authority.issue("localhost", |_| {}));
        let receiver = Receiver::start_tls(tls, move |mut peer| {
            let says = said.clone();
            async move {
                peer.request().await;
                // Dropped, not closed: the peer is not told that this is all.
                peer.send(says).await;
            }
        })
        .await;
        let attempt = attempt(&secure(&receiver, "localhost", authority.trusted())).await;
        assert_eq!(attempt.status, status, "{says:?}: {attempt:?}");
        assert_eq!(attempt.error.is_none(), status.is_some());
        if status.is_none() {
            assert_eq!(no_answer(&attempt).0, ErrorClass::Reset, "{attempt:?}");
        }
    }
}

#[tokio::test]
async fn an_older_tls_version_is_not_spoken() {
    let authority = Authority::new();
    // A ServerHello of TLS 1.1, which no library at hand would send any more.
    let hello = [&[22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2][..], &[7; 32], &[0, 0xc0, 0x13, 0]].concat();
    let receiver = Receiver::start(move |mut peer| {
        let hello = hello.clone();
        async move {
            peer.send(hello).await;
            peer.closed().await;
        }
    })
    .await;
    let attempt = attempt(&secure(&receiver, "localhost", authority.trusted())).await;
    assert_tls_failure(&attempt, "");
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_it_is_configured() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    authority.issue("us.example", |_| {});
    stranger.issue("us.example", |_| {});
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let identity = authority.issue("localhost", |_| {});
        let roots = Arc::new(authority.roots());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots, provider).build().unwrap();
        let config = versions(&[version])
            .with_client_cert_verifier(verifier)
            .with_single_cert(identity.chain, identity.key)
            .unwrap();
        let receiver = serve(Arc::new(config)).await;
        let shown = |by: &Authority| TlsFiles {
            cert_file: Some(by.file("us.example.pem")),
            key_file: Some(by.file("us.example.key")),
            ..authority.trusted()
        };
        let right = attempt(&secure(&receiver, "localhost", shown(&authority))).await;
        assert_eq!(right.status, Some(200), "{right:?}");
        let wrong = attempt(&secure(&receiver, "localhost", shown(&stranger))).await;
        assert_tls_failure(&wrong, "");
        let none = attempt(&secure(&receiver, "localhost", authority.trusted())).await;
        assert_tls_failure(&none, "");
        assert_eq!(receiver.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_token_endpoint_proves_itself_by_the_endpoints_ca_or_a_public_one() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let receiver = serve(server(authority.issue("localhost", |_| {}))).await;
    let grant = answer("200 OK", &[], r#"{"access_token":"a","token_type":"Bearer"}"#);
    for (issuer, is_trusted) in [(&authority, true), (&stranger, false)] {
        let grant = grant.clone();
        let tls = server(issuer.issue("localhost", |_| {}));
        let tokens =
            Receiver::start_tls(tls, move |peer| answer_all(peer, grant.clone().into())).await;
        let token_url = format!("https://localhost:{}/", tokens.address.port());
        let auth = Auth::OAuth2(ClientCredentials {
            client_id: "walhook".to_owned(),
            client_secret: Secret::new("s3cret"),
            token_url: SecretUrl::new(token_url.parse().unwrap()),
            scope: String::new(),
        });
        let endpoint = secure(&receiver, "localhost", authority.trusted());
        let attempt = attempt(&Endpoint { auth: Some(auth), ..endpoint }).await;
        assert_eq!(attempt.status, is_trusted.then_some(200), "{attempt:?}");
        if let Some((class, message)) = &attempt.error {
            assert_eq!(*class, ErrorClass::Auth);
            assert!(message.contains("UnknownIssuer"), "{message}");
            assert!(tokens.requests().is_empty());
        }
    }
}

#[tokio::test]
async fn files_that_cannot_be_used_are_found_before_anything_is_sent() {
    let authority = Authority::new();
    authority.issue("us.example", |_| {});
    authority.issue("other.example", |_| {});
    std::fs::write(authority.file("empty.pem"), "").unwrap();
    let fault = |tls: TlsFiles| {
        let endpoint = Endpoint { tls, ..endpoint("https://localhost/") };
        match Client::new(&endpoint, open_network()) {
            Err(ClientError::Tls(error)) => error,
            _ => panic!("expected a fault of TLS"),
        }
    };
    let files = |ca: &str, cert: Option<&str>, key: Option<&str>| TlsFiles {
        ca_file: Some(authority.file(ca)),
        cert_file: cert.map(|name| authority.file(name)),
        key_file: key.map(|name| authority.file(name)),
    };
    let missing = fault(files("nowhere.pem", None, None));
    assert!(matches!(missing, TlsError::Read { .. }), "{missing:?}");
    let empty = fault(files("empty.pem", None, None));
    assert!(matches!(empty, TlsError::NoCertificate { .. }), "{empty:?}");
    let half = fault(files("ca.pem", Some("us.example.pem"), None));
    assert!(matches!(half, TlsError::HalfClientCertificate), "{half:?}");
    let no_key = fault(files("ca.pem", Some("us.example.pem"), Some("us.example.pem")));
    assert!(matches!(no_key, TlsError::Read { .. }), "{no_key:?}");
    let foreign = fault(files("ca.pem", Some("us.example.pem"), Some("other.example.key")));
    assert!(matches!(foreign, TlsError::ClientCertificate { .. }), "{foreign:?}");
}
