//! TLS for a connection string: what each `sslmode` checks.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use super::{Dsn, DsnError, RootCert, SslMode, Target, certificate};

impl Dsn {
    /// What TLS needs to know; `None` if this connection never uses it. The same for both kinds
    /// of session.
    ///
    /// # Errors
    /// If a certificate or key cannot be read or used.
    pub fn tls(&self) -> Result<Option<ClientConfig>, DsnError> {
        let only_sockets = self.hosts.iter().all(|h| matches!(h.target, Target::Socket(_)));
        if self.sslmode == SslMode::Disable || only_sockets {
            return Ok(None);
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let versions: &[_] = if self.tls13_only {
            &[&rustls::version::TLS13]
        } else {
            &[&rustls::version::TLS13, &rustls::version::TLS12]
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(DsnError::Tls)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(self.verifier(provider)?));
        let mut config = match (&self.sslcert, &self.sslkey) {
            (Some(cert), Some(key)) => {
                builder.with_client_auth_cert(certificates(cert)?, private_key(key)?)
            }
            (Some(_), None) => {
                return Err(DsnError::Value {
                    keyword: "sslkey",
                    expected: "the key of sslcert".to_owned(),
                });
            }
            (None, _) => Ok(builder.with_no_client_auth()),
        }
        .map_err(DsnError::Tls)?;
        config.enable_sni = self.sslsni;
        Ok(Some(config))
    }

    fn verifier(&self, provider: Arc<CryptoProvider>) -> Result<Verifier, DsnError> {
        let trusted = match &self.sslrootcert {
            RootCert::None => Vec::new(),
            RootCert::File(path) => certificates(path)?,
            RootCert::System => rustls_native_certs::load_native_certs().certs,
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(trusted.iter().cloned());
        match &self.sslrootcert {
            RootCert::File(path) if roots.is_empty() => {
                return Err(DsnError::NoCertificate(path.clone()));
            }
            RootCert::System if roots.is_empty() => return Err(DsnError::SystemRoots),
            _ => {}
        }
        let check_chain = self.sslrootcert != RootCert::None;
        let check_name = self.sslmode == SslMode::VerifyFull;
        Ok(Verifier { trusted, roots, check_chain, check_name, provider })
    }
}

/// Checks what the `sslmode` asks for.
///
/// The handshake's signature is checked in every mode: without it a man in the middle could
/// show the server's certificate without having its key, and channel binding would prove
/// nothing.
#[derive(Debug)]
struct Verifier {
    trusted: Vec<CertificateDer<'static>>,
    roots: RootCertStore,
    check_chain: bool,
    check_name: bool,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn check_chain(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        // One self-signed certificate as server.crt and root.crt is the usual small setup; as
        // it is a CA, chain building refuses it as a server's.
        if self.trusted.contains(end_entity) {
            return match certificate::is_current(end_entity, now.as_secs()) {
                true => Ok(()),
                false => Err(CertificateError::Expired.into()),
            };
        }
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(end_entity)?,
            &self.roots,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        )
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.check_chain {
            self.check_chain(end_entity, intermediates, now)?;
        }
        if self.check_name {
            let checked =
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name);
            checked.or_else(|error| {
                match certificate::common_name_is(end_entity, &server_name.to_str()) {
                    true => Ok(()),
                    false => Err(error),
                }
            })?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, DsnError> {
    let unreadable = |source| DsnError::File { path: path.to_owned(), source };
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(unreadable)?.collect();
    let found = found.map_err(unreadable)?;
    if found.is_empty() { Err(DsnError::NoCertificate(path.to_owned())) } else { Ok(found) }
}

/// libpq's rule: nobody but the owner may read the key, or root's group if root owns it.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, DsnError> {
    if let Ok(meta) = fs::metadata(path) {
        let forbidden = if meta.uid() == 0 { 0o027 } else { 0o077 };
        if meta.mode() & forbidden != 0 {
            return Err(DsnError::KeyPermissions(path.to_owned()));
        }
    }
    PrivateKeyDer::from_pem_file(path)
        .map_err(|source| DsnError::File { path: path.to_owned(), source })
}
