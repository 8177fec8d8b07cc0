//! TLS as deliveries use it: always verified, 1.2 or newer, HTTP/1.1 only.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

use crate::endpoint::TlsFiles;

/// TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file of `tls` is not there or not PEM.
    #[error("could not read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// A file of `tls` has no certificate in it.
    #[error("no certificate in {path}")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A root certificate that cannot be used.
    #[error("could not trust the certificates in {path}")]
    Root {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// Only one of `cert_file` and `key_file`.
    #[error("cert_file and key_file need each other")]
    HalfClientCertificate,
    /// Certificate and key do not go together.
    #[error("could not use the client certificate in {path}")]
    ClientCertificate {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The system has no trusted roots.
    #[error(
        "no trusted root certificates found: install ca-certificates, set SSL_CERT_FILE, or set tls.ca_file"
    )]
    NoSystemRoots {
        /// What reading them ran into, if anything.
        source: Option<rustls_native_certs::Error>,
    },
    /// The provider of cryptography lacks what TLS needs.
    #[error("could not set up TLS")]
    Setup {
        /// Why.
        source: rustls::Error,
    },
}

/// TLS by an endpoint's own files; roots come from the system unless it names a CA.
pub(super) fn with_files(files: &TlsFiles) -> Result<Arc<ClientConfig>, TlsError> {
    let roots = match &files.ca_file {
        Some(path) => file_roots(path)?,
        None => system_roots()?,
    };
    with_client(files, roots)
}

/// The same for a server beside the endpoint, which may have a public certificate or one of the
/// endpoint's CA.
pub(super) fn with_files_and_system_roots(files: &TlsFiles) -> Result<Arc<ClientConfig>, TlsError> {
    let roots = match (&files.ca_file, system_roots()) {
        (None, roots) => roots?,
        (Some(path), Ok(mut roots)) => {
            roots.extend(file_roots(path)?.roots);
            roots
        }
        // Private networks may do without public roots.
        (Some(path), Err(_)) => file_roots(path)?,
    };
    with_client(files, roots)
}

fn with_client(files: &TlsFiles, roots: RootCertStore) -> Result<Arc<ClientConfig>, TlsError> {
    let builder = builder(roots)?;
    let config = match (&files.cert_file, &files.key_file) {
        (None, None) => builder.with_no_client_auth(),
        (Some(cert_file), Some(key_file)) => {
            let chain = certificates(cert_file)?;
            let key = PrivateKeyDer::from_pem_file(key_file)
                .map_err(|source| TlsError::Read { path: key_file.clone(), source })?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|source| TlsError::ClientCertificate { path: cert_file.clone(), source })?
        }
        _ => return Err(TlsError::HalfClientCertificate),
    };
    Ok(finish(config))
}

/// TLS that trusts the system's roots and shows no certificate.
pub(super) fn with_system_roots() -> Result<Arc<ClientConfig>, TlsError> {
    Ok(finish(builder(system_roots()?)?.with_no_client_auth()))
}

/// Whether an I/O error, or what it was caused by, is a failure of TLS itself.
pub(super) fn is_tls_failure(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

fn builder(roots: RootCertStore) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder: ConfigBuilder<ClientConfig, WantsVerifier> =
        ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|source| TlsError::Setup { source })?;
    Ok(builder.with_root_certificates(roots))
}

fn finish(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let mut found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry a few certificates that no verifier can use; the others count.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(TlsError::NoSystemRoots { source: found.errors.pop() });
    }
    Ok(roots)
}

fn file_roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|source| TlsError::Root { path: path.to_owned(), source })?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unread = |source| TlsError::Read { path: path.to_owned(), source };
    let certificates = CertificateDer::pem_file_iter(path)
        .map_err(unread)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(unread)?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate { path: path.to_owned() });
    }
    Ok(certificates)
}
