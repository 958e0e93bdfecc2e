//! The settings of a connection to a registry.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::location::is_loopback;
use super::proxy::Proxies;
use super::rates::Rates;
use super::resolve::Resolve;
use super::retry::Retry;

/// The largest chunk that GitHub's registry accepts: 4 MiB, according to its 416 response.
const SMALL_CHUNK_BYTES: u64 = 4 << 20;

/// Called when a request failed and will be retried, with the error and the pause before the next attempt.
pub type OnRetry = Arc<dyn Fn(&str, &str, Duration) + Send + Sync>;

/// How a registry is reached.
#[derive(Clone)]
pub struct Settings {
    /// `PRODUCT/VERSION` of the program, for the registry's logs.
    pub user_agent: String,
    /// Plain HTTP, without TLS, even if the registry is not on this machine.
    pub plain_http: bool,
    /// TLS without verification of the registry's certificate.
    pub skip_tls_verify: bool,
    /// The certificate authorities to trust, as DER; Mozilla's if empty.
    pub roots: Arc<Vec<Vec<u8>>>,
    /// Additional certificate authorities to trust, as PEM.
    pub extra_roots: Vec<u8>,
    /// The proxies of the environment.
    pub proxies: Proxies,
    /// Addresses that override name resolution.
    pub resolve: Vec<Resolve>,
    /// How often a request is retried, and how long the registry may be unreachable.
    pub retry: Retry,
    /// How many requests per second the registry allows, as far as is known.
    pub rates: Rates,
    /// Called before each retry.
    pub on_retry: Option<OnRetry>,
    /// The largest blob whose first attempt is one request; larger ones are sent in chunks from the
    /// start.
    pub monolithic_bytes: u64,
    /// The size of a chunk. Amazon ECR takes parts from 5 to 10 MiB.
    pub chunk_bytes: u64,
    /// What is known about the chunks that the registry accepts. Clones of the settings share it.
    pub chunk_limit: ChunkLimit,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            user_agent: concat!("oci/", env!("CARGO_PKG_VERSION")).to_owned(),
            plain_http: false,
            skip_tls_verify: false,
            roots: Arc::default(),
            extra_roots: Vec::new(),
            proxies: Proxies::default(),
            resolve: Vec::new(),
            retry: Retry::default(),
            rates: Rates::default(),
            on_retry: None,
            monolithic_bytes: u64::MAX,
            chunk_bytes: 8 * 1024 * 1024,
            chunk_limit: ChunkLimit::default(),
        }
    }
}

impl Settings {
    /// Whether the registry `HOST[:PORT]` is reached by TLS. For one on this machine that is only so if the
    /// settings configure TLS.
    pub fn uses_tls(&self, registry: &str) -> bool {
        let tls = self.skip_tls_verify || !self.extra_roots.is_empty();
        !self.plain_http && (tls || !is_loopback(registry))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("plain_http", &self.plain_http)
            .field("skip_tls_verify", &self.skip_tls_verify)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

/// The largest chunk that a registry is not known to refuse: 0 if it refuses all. Shared by the uploads of
/// a run.
#[derive(Clone, Debug)]
pub struct ChunkLimit(Arc<AtomicU64>);

impl Default for ChunkLimit {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }
}

impl ChunkLimit {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Lowers the limit after a chunk was refused: to [`SMALL_CHUNK_BYTES`], then to none.
    pub(super) fn lower(&self, refused_bytes: u64) {
        let next = if refused_bytes > SMALL_CHUNK_BYTES {
            SMALL_CHUNK_BYTES
        } else {
            0
        };
        self.0.fetch_min(next, Ordering::Relaxed);
    }
}
