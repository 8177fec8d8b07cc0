//! Names to addresses. Its own small thing, so that answers can be cached here one day.

use std::io;
use std::net::IpAddr;

use futures_util::future::BoxFuture;

type Lookup = dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync;

/// Looks up the addresses of a host name.
pub struct Resolver {
    /// `None` is the system's resolver.
    lookup: Option<Box<Lookup>>,
}

impl Resolver {
    /// The system's resolver, with `/etc/hosts` and all.
    pub fn system() -> Self {
        Self { lookup: None }
    }

    /// Asks `lookup` instead.
    pub fn from_fn(
        lookup: impl Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync + 'static,
    ) -> Self {
        Self { lookup: Some(Box::new(lookup)) }
    }

    /// All addresses of `name`, in the order in which to try them; perhaps none.
    pub(super) async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        match &self.lookup {
            Some(lookup) => lookup(name.to_owned()).await,
            None => {
                let found = tokio::net::lookup_host((name, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            }
        }
    }
}
