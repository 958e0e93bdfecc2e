//! The AWS SDK's settings for one service, and the runtime that its requests need.

use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use oci::registry::Settings;
use tokio::runtime::Runtime;

use super::error::EcrError;
use super::http;

/// Finds the SDK's settings and credentials for `region`, changed by `adjust`.
///
/// The SDK's own requests go through the proxy of `settings`, and trust what it trusts.
pub(super) fn load(
    region: &str,
    settings: &Settings,
    adjust: impl FnOnce(ConfigLoader) -> ConfigLoader,
) -> Result<(Runtime, SdkConfig), EcrError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(EcrError::Runtime)?;
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .http_client(http::client(settings)?);
    let config = runtime.block_on(adjust(loader).load());
    Ok((runtime, config))
}
