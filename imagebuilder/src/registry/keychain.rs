//! The credentials for a registry: AWS's chain for Amazon ECR, and for all others what
//! `docker login` and `podman login` stored.

use oci::registry::{Access, CredentialError, Credentials, DockerConfig, Keychain};

/// Credential files; the first with an entry for a registry counts.
struct AuthFiles(Vec<DockerConfig>);

impl AuthFiles {
    fn credentials(&self, host: &str) -> Result<Credentials, CredentialError> {
        for file in &self.0 {
            let credentials = file.credentials(host)?;
            if credentials != Credentials::Anonymous {
                return Ok(credentials);
            }
        }
        Ok(Credentials::Anonymous)
    }
}

/// The credentials of this machine's user.
pub(crate) struct UserKeychain {
    files: AuthFiles,
    #[cfg(feature = "ecr")]
    ecr: Option<std::sync::Arc<super::ecr::Ecr>>,
}

impl UserKeychain {
    pub(crate) fn new(
        files: Vec<DockerConfig>,
        #[cfg(feature = "ecr")] ecr: Option<std::sync::Arc<super::ecr::Ecr>>,
    ) -> Self {
        Self {
            files: AuthFiles(files),
            #[cfg(feature = "ecr")]
            ecr,
        }
    }
}

impl Keychain for UserKeychain {
    fn refused(&self, _: &str) {
        #[cfg(feature = "ecr")]
        if let Some(ecr) = &self.ecr {
            ecr.refused();
        }
    }

    #[cfg_attr(
        not(feature = "ecr"),
        expect(unused_variables, reason = "only ECR distinguishes")
    )]
    fn credentials(&self, host: &str, access: Access) -> Result<Credentials, CredentialError> {
        #[cfg(feature = "ecr")]
        if let Some(ecr) = &self.ecr
            && ecr.authenticates(access)
        {
            // A `docker login` for ECR is stale after 12 hours, so AWS comes first.
            return match (ecr.credentials(now()), self.files.credentials(host)) {
                (Ok(credentials), _) => Ok(credentials),
                (Err(_), Ok(known)) if known != Credentials::Anonymous => Ok(known),
                (Err(error), _) => Err(CredentialError {
                    registry: host.to_owned(),
                    origin: "AWS".to_owned(),
                    unreachable: error.is_unreachable(),
                    source: Box::new(error),
                }),
            };
        }
        self.files.credentials(host)
    }
}

/// The time since 1970, which AWS's expiry of tokens refers to.
#[cfg(feature = "ecr")]
#[allow(
    clippy::disallowed_methods,
    reason = "a token expires by the clock; this is the edge"
)]
fn now() -> std::time::Duration {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap_or_default()
}
