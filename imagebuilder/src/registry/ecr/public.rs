//! The public registry, `public.ecr.aws`. Reading needs no credentials; pushing needs a token.

use aws_sdk_ecrpublic::Client;
use oci::registry::Settings;
use tokio::runtime::Runtime;

use super::error::EcrError;
use super::sdk;
use super::token::Token;

/// The region that issues its tokens, by
/// [AWS](https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html).
const REGION: &str = "us-east-1";

/// ECR Public.
pub(super) struct PublicEcr {
    client: Client,
    runtime: Runtime,
}

impl PublicEcr {
    /// Finds the SDK's settings and credentials.
    pub(super) fn new(settings: &Settings) -> Result<Self, EcrError> {
        let (runtime, config) = sdk::load(REGION, settings, |loader| loader)?;
        Ok(Self {
            client: Client::new(&config),
            runtime,
        })
    }

    /// Fetches a token, which is valid for 12 hours.
    pub(super) fn token(&self) -> Result<Token, EcrError> {
        let request = self.client.get_authorization_token().send();
        let answer = self.runtime.block_on(request);
        let answer = answer.map_err(|error| EcrError::token(REGION, &error))?;
        let data = answer.authorization_data();
        let text = data.and_then(|data| data.authorization_token());
        Token::decode(REGION, text, data.and_then(|data| data.expires_at()))
    }
}
