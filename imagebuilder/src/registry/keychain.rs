//! Who we are to a registry: AWS's chain for Amazon ECR, what `docker login` left for all others.

use oci::registry::{CredentialError, Credentials, DockerConfig, Keychain};

/// The credentials of this machine's user.
pub(crate) struct UserKeychain {
    docker: DockerConfig,
    #[cfg(feature = "ecr")]
    ecr: Option<std::sync::Arc<super::ecr::Ecr>>,
}

impl UserKeychain {
    #[cfg(feature = "ecr")]
    pub(crate) fn new(docker: DockerConfig, ecr: Option<std::sync::Arc<super::ecr::Ecr>>) -> Self {
        Self { docker, ecr }
    }

    #[cfg(not(feature = "ecr"))]
    pub(crate) fn new(docker: DockerConfig) -> Self {
        Self { docker }
    }
}

impl Keychain for UserKeychain {
    fn credentials(&self, host: &str) -> Result<Credentials, CredentialError> {
        #[cfg(feature = "ecr")]
        if let Some(ecr) = &self.ecr {
            // A `docker login` for ECR is stale after 12 hours, so AWS is asked first.
            return match (ecr.credentials(), self.docker.credentials(host)) {
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
        self.docker.credentials(host)
    }
}
