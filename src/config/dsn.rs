//! Stub until the real one arrives.
#![allow(missing_docs)]
use crate::secret::Secret;

#[derive(Clone, Debug)]
pub struct Dsn {
    text: Secret,
}
#[derive(Debug, thiserror::Error)]
#[error("bad database url")]
pub struct DsnError;
impl Dsn {
    pub fn parse(text: &str) -> Result<Self, DsnError> {
        Ok(Self { text: Secret::new(text) })
    }
    pub fn redacted(&self) -> String {
        "postgres".to_owned()
    }
    pub fn tls(&self) -> Result<Option<rustls::ClientConfig>, DsnError> {
        Ok(None)
    }
    pub fn to_tokio_postgres(&self) -> tokio_postgres::Config {
        self.text.expose().parse().unwrap_or_default()
    }
}
