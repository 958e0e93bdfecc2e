//! containerd's introspection service.

use std::path::PathBuf;

use containerd_client::services::v1::PluginsRequest;
use containerd_client::services::v1::introspection_client::IntrospectionClient;

use super::{Containerd, Error};

impl Containerd {
    /// containerd's root directory, as the content store's plugin exports it.
    ///
    /// # Errors
    /// As the call's.
    pub async fn root_dir(&self) -> Result<Option<PathBuf>, Error> {
        let mut client = IntrospectionClient::new(self.channel.clone());
        let request = PluginsRequest {
            filters: vec!["type==io.containerd.content.v1".to_owned()],
        };
        let answer = self
            .call(
                "Introspection.Plugins",
                "",
                client.plugins(self.request(request)),
            )
            .await?;
        let exported = answer
            .plugins
            .iter()
            .find_map(|plugin| plugin.exports.get("root"));
        Ok(exported.and_then(|path| PathBuf::from(path).parent().map(PathBuf::from)))
    }
}
