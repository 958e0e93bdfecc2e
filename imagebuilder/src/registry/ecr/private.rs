//! The private registry of an account in a region.

use aws_sdk_ecr::Client;
use aws_sdk_ecr::error::SdkError;
use oci::registry::Settings;
use tokio::runtime::Runtime;

use super::error::EcrError;
use super::host::EcrHost;
use super::sdk;
use super::token::Token;

/// ECR in one region.
pub(super) struct PrivateEcr {
    host: EcrHost,
    client: Client,
    runtime: Runtime,
}

impl PrivateEcr {
    /// Finds the SDK's settings and credentials.
    pub(super) fn new(host: EcrHost, settings: &Settings) -> Result<Self, EcrError> {
        let (runtime, config) = sdk::load(&host.region, settings, |loader| {
            loader.use_fips(host.fips).use_dual_stack(host.dual_stack)
        })?;
        Ok(Self {
            client: Client::new(&config),
            host,
            runtime,
        })
    }

    /// Fetches a token, which is valid for 12 hours.
    pub(super) fn token(&self) -> Result<Token, EcrError> {
        let region = &self.host.region;
        let request = self.client.get_authorization_token().send();
        let answer = self.runtime.block_on(request);
        let answer = answer.map_err(|error| EcrError::token(region, &error))?;
        let data = answer.authorization_data().first();
        let text = data.and_then(|data| data.authorization_token());
        Token::decode(region, text, data.and_then(|data| data.expires_at()))
    }

    /// Creates a repository unless it exists, and returns whether it did.
    ///
    /// It checks for the repository first, since the permission to describe is more common than that to
    /// create.
    pub(super) fn create_repository(&self, name: &str) -> Result<bool, EcrError> {
        let region = &self.host.region;
        let describe = self
            .client
            .describe_repositories()
            .registry_id(&self.host.account)
            .repository_names(name)
            .send();
        match self.runtime.block_on(describe) {
            Ok(_) => return Ok(false),
            Err(SdkError::ServiceError(error))
                if error.err().is_repository_not_found_exception() => {}
            // Credentials that may not describe it cannot create it either, but ECR itself may.
            Err(error) => return Err(EcrError::create(name, region, &error)),
        }
        let create = self.client.create_repository().repository_name(name).send();
        match self.runtime.block_on(create) {
            Ok(_) => Ok(true),
            // Another client was faster.
            Err(SdkError::ServiceError(error))
                if error.err().is_repository_already_exists_exception() =>
            {
                Ok(false)
            }
            Err(error) => Err(EcrError::create(name, region, &error)),
        }
    }
}
