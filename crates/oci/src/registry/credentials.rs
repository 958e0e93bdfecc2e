//! Credentials for a registry. Their types keep secrets out of messages.

use std::error::Error;
use std::fmt;

use super::access::Access;

/// A password or token. It prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`, so that it is not printed.
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

/// The credentials that are sent to a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// None: only public content can be read.
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
    /// The store, helper or service that they should come from.
    pub origin: String,
    /// Whether the service could not be reached, so that nothing is known about the credentials.
    pub unreachable: bool,
    /// Why there are none. Never contains a secret.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

/// A source of credentials for registries.
pub trait Keychain: Send + Sync {
    /// The credentials for the registry at `host` (`HOST[:PORT]`), for this access; called only when
    /// the registry requires some.
    ///
    /// # Errors
    /// If there should be some and they cannot be obtained. An unknown registry is not an error, but
    /// [`Credentials::Anonymous`].
    fn credentials(&self, host: &str, access: Access) -> Result<Credentials, CredentialError>;

    /// The registry at `host` refused the credentials: if they can expire, they are obtained again when
    /// next needed.
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
