//! Credentials for a registry, in types that keep secrets out of messages.

use std::error::Error;
use std::fmt;

use super::access::Access;

/// A password or token. It prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from being printed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for a header or a form.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What is sent to a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing: only what is public.
    Anonymous,
    /// A name and a password.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// An `OAuth2` refresh token for the registry's token server.
    IdentityToken(Secret),
}

/// Credentials could not be obtained.
#[derive(Debug, thiserror::Error)]
#[error("cannot get credentials for {registry} from {origin}")]
pub struct CredentialError {
    /// The registry's host.
    pub registry: String,
    /// The store, helper or service that should have them.
    pub origin: String,
    /// Whether the service could not be reached, so that nothing is known of the credentials.
    pub unreachable: bool,
    /// Why there are none. Without the secret, if there was one.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

/// Knows the credentials for registries.
pub trait Keychain: Send + Sync {
    /// The credentials for the registry at `host` (`HOST[:PORT]`), for this access; called only when
    /// the registry requires some.
    ///
    /// # Errors
    /// When there should be some and they cannot be obtained. A registry that is not known is
    /// [`Credentials::Anonymous`].
    fn credentials(&self, host: &str, access: Access) -> Result<Credentials, CredentialError>;

    /// The registry at `host` refused the credentials: those that expire are obtained anew at the
    /// next request for them.
    fn refused(&self, host: &str) {
        let _ = host;
    }
}

/// The same credentials for every registry.
impl Keychain for Credentials {
    fn credentials(&self, _: &str, _: Access) -> Result<Credentials, CredentialError> {
        Ok(self.clone())
    }
}
