//! Certificates and confirmations that providers name by URL. The verifier has checked that the
//! URL lies at the provider; what is fetched is kept for a day.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

/// Gets the document at a URL, or says why not. The daemon hands it in: calling out is the
/// business of another stage.
pub type Fetch = Arc<dyn Fn(String) -> BoxFuture<'static, Result<Bytes, String>> + Send + Sync>;

/// Providers have a handful, and replace them once a year.
const MOST_KEPT: usize = 32;
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// A failure is remembered as well: forged requests must not make us knock at every one.
const FAILURE_KEPT_FOR: Duration = Duration::from_secs(10);

/// Forged requests can name other URLs of the provider without end; what they make us fetch must
/// not keep genuine ones, whose certificate is here, from being judged.
const MOST_FETCHES: usize = 4;

/// Fetched documents by URL.
pub(super) struct Certificates {
    fetch: Fetch,
    kept: Mutex<HashMap<String, Kept>>,
    fetches: Semaphore,
}

struct Kept {
    at: Instant,
    document: Option<Bytes>,
}

impl Kept {
    fn is_fresh(&self) -> bool {
        let limit = if self.document.is_some() { KEPT_FOR } else { FAILURE_KEPT_FOR };
        self.at.elapsed() < limit
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").finish_non_exhaustive()
    }
}

impl Certificates {
    pub(super) fn new(fetch: Fetch) -> Self {
        Self { fetch, kept: Mutex::default(), fetches: Semaphore::new(MOST_FETCHES) }
    }

    /// The certificate at `url`; `None` if it cannot be had now.
    pub(super) async fn get(&self, url: &str) -> Option<Bytes> {
        if let Some(known) = self.known(url) {
            return known;
        }
        let _place = self.fetches.try_acquire().ok()?;
        let document = self.fetch_once(url, "cannot fetch a provider's certificate").await;
        self.keep(url, document.clone());
        document
    }

    fn known(&self, url: &str) -> Option<Option<Bytes>> {
        let kept = self.kept.lock().ok()?;
        kept.get(url).filter(|kept| kept.is_fresh()).map(|kept| kept.document.clone())
    }

    fn keep(&self, url: &str, document: Option<Bytes>) {
        let Ok(mut kept) = self.kept.lock() else { return };
        kept.retain(|_, kept| kept.is_fresh());
        // Certificates that proved good are few; what strangers named must not push them out.
        if kept.len() < MOST_KEPT {
            kept.insert(url.to_owned(), Kept { at: Instant::now(), document });
        }
    }

    /// Visits `url`, which confirms a subscription.
    pub(super) async fn confirm(&self, url: &str) -> bool {
        self.fetch_once(url, "cannot confirm a subscription").await.is_some()
    }

    async fn fetch_once(&self, url: &str, failed: &'static str) -> Option<Bytes> {
        match (self.fetch)(url.to_owned()).await {
            Ok(document) => Some(document),
            Err(error) => {
                // Without its query: a confirmation's holds a token.
                let url = url.split('?').next().unwrap_or_default();
                tracing::warn!(url, error, "{failed}");
                None
            }
        }
    }
}
