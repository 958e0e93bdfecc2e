//! The public registry, `public.ecr.aws`. Reading needs no credentials; pushing needs a token.

use std::time::Duration;

use aws_sdk_ecrpublic::Client;
use oci::registry::{Credentials, Settings};
use tokio::runtime::Runtime;

use super::token::{Token, TokenCache};
use super::{EcrError, sdk};

/// The region that issues its tokens, by
/// [AWS](https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html).
const REGION: &str = "us-east-1";

/// ECR Public.
pub(crate) struct PublicEcr {
    client: Client,
    runtime: Runtime,
    token: TokenCache,
}

impl PublicEcr {
    /// Finds the SDK's settings and credentials.
    pub(super) fn new(settings: &Settings) -> Result<Self, EcrError> {
        let (runtime, config) = sdk::load(REGION, settings, |loader| loader)?;
        Ok(Self {
            client: Client::new(&config),
            runtime,
            token: TokenCache::default(),
        })
    }

    /// As [`Ecr::credentials`](super::Ecr::credentials).
    pub(super) fn credentials(&self, now: Duration) -> Result<Credentials, EcrError> {
        self.token.credentials(now, || self.fetch())
    }

    /// Forgets the token, which the registry refused.
    pub(super) fn refused(&self) {
        self.token.forget();
    }

    fn fetch(&self) -> Result<Token, EcrError> {
        let request = self.client.get_authorization_token().send();
        let answer = self.runtime.block_on(request);
        let answer = answer.map_err(|error| EcrError::token(REGION, &error))?;
        let data = answer.authorization_data();
        let text = data.and_then(|data| data.authorization_token());
        Token::decode(text, data.and_then(|data| data.expires_at())).ok_or_else(|| {
            EcrError::NoToken {
                region: REGION.to_owned(),
            }
        })
    }
}
