//! The state that the repositories of a registry share.

use std::sync::{Arc, Mutex, PoisonError};

use url::Url;

use super::blobs::Blobs;
use super::challenge::Challenge;
use super::client::Client;
use super::credentials::{Keychain, Secret};

/// The state that the repositories of a registry share.
pub(super) struct Shared {
    /// `HOST[:PORT]`, as in a reference.
    pub(super) host: String,
    /// The URL of its API.
    pub(super) base: Url,
    pub(super) client: Client,
    pub(super) keychain: Arc<dyn Keychain>,
    pub(super) blobs: Blobs,
    asked: Mutex<Asked>,
}

/// The registry's last challenge.
#[derive(Clone, Default)]
struct Asked {
    challenge: Option<Challenge>,
    /// The header that answered it, if it is the same for all repositories.
    header: Option<Secret>,
}

impl Shared {
    /// Starts without knowledge about the registry.
    pub(super) fn new(host: &str, base: Url, client: Client, keychain: Arc<dyn Keychain>) -> Self {
        Self {
            host: host.to_owned(),
            base,
            client,
            keychain,
            blobs: Blobs::default(),
            asked: Mutex::default(),
        }
    }

    /// The header that every repository starts with, if there is one.
    pub(super) fn header(&self) -> Option<Secret> {
        self.asked().header
    }

    /// The registry's last challenge.
    pub(super) fn challenge(&self) -> Option<Challenge> {
        self.asked().challenge
    }

    fn asked(&self) -> Asked {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.clone()
    }

    /// Records a challenge, and the header that answered it.
    pub(super) fn remember(&self, challenge: &Challenge, header: Option<Secret>) {
        let header = header.filter(|_| *challenge == Challenge::Basic);
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        *asked = Asked {
            challenge: Some(challenge.without_scope()),
            header,
        };
    }
}
