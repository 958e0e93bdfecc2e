//! Container records: metadata only; the running part is a task.

use containerd_client::services::v1 as proto;
use containerd_client::services::v1::containers_client::ContainersClient;
use containerd_client::tonic::transport::Channel;
use prost_types::Any;
use serde::Serialize;

use super::client::MAX_MESSAGE_BYTES;
use super::{Containerd, Error, Labels, SNAPSHOTTER};

/// The runtime that runs containers.
const RUNTIME: &str = "io.containerd.runc.v2";

/// The type URL under which containerd expects a runtime spec as JSON.
const SPEC_TYPE: &str = "types.containerd.io/opencontainers/runtime-spec/1/Spec";

/// A container to create.
#[derive(Clone, Debug)]
pub struct NewContainer {
    /// Its name, unique in the namespace; the key of its snapshot too.
    pub id: String,
    /// The image it was created from.
    pub image: String,
    /// Its labels.
    pub labels: Labels,
    /// The runtime spec, JSON.
    pub spec_json: Vec<u8>,
    /// Further data by name, as created by [`any_json`].
    pub extensions: Vec<(String, Any)>,
}

/// A container record.
#[derive(Clone, Debug)]
pub struct Container {
    /// Its name.
    pub id: String,
    /// The image it was created from.
    pub image: String,
    /// Its labels.
    pub labels: Labels,
    /// The key of its snapshot.
    pub snapshot_key: String,
    /// When the record was created, in seconds since 1970.
    pub created_at: Option<i64>,
    /// The runtime spec, JSON.
    pub spec_json: Vec<u8>,
    /// Further data, by name.
    pub extensions: std::collections::BTreeMap<String, Any>,
}

impl From<proto::Container> for Container {
    fn from(container: proto::Container) -> Self {
        Self {
            id: container.id,
            image: container.image,
            labels: container.labels.into_iter().collect(),
            snapshot_key: container.snapshot_key,
            created_at: container.created_at.map(|at| at.seconds),
            spec_json: container.spec.map(|any| any.value).unwrap_or_default(),
            extensions: container.extensions.into_iter().collect(),
        }
    }
}

/// Wraps `value` as JSON for a container's extension.
///
/// # Errors
/// As serialization's.
pub fn any_json<T: Serialize>(type_url: &str, value: &T) -> Result<Any, serde_json::Error> {
    Ok(Any {
        type_url: type_url.to_owned(),
        value: serde_json::to_vec(value)?,
    })
}

impl Containerd {
    fn containers_client(&self) -> ContainersClient<Channel> {
        ContainersClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// Creates a container record.
    ///
    /// # Errors
    /// As the call's.
    pub async fn create_container(&self, new: NewContainer) -> Result<(), Error> {
        let id = new.id.clone();
        let container = proto::Container {
            id: new.id.clone(),
            labels: new.labels.into_iter().collect(),
            image: new.image,
            runtime: Some(proto::container::Runtime {
                name: RUNTIME.to_owned(),
                options: None,
            }),
            spec: Some(Any {
                type_url: SPEC_TYPE.to_owned(),
                value: new.spec_json,
            }),
            snapshotter: SNAPSHOTTER.to_owned(),
            snapshot_key: new.id,
            extensions: new.extensions.into_iter().collect(),
            ..proto::Container::default()
        };
        let request = proto::CreateContainerRequest {
            container: Some(container),
        };
        let mut client = self.containers_client();
        self.call(
            "Containers.Create",
            &id,
            client.create(self.request(request)),
        )
        .await?;
        Ok(())
    }

    /// Lists containers; `filters` are containerd's (`labels."a/b"==c`), any of which may match.
    ///
    /// # Errors
    /// As the call's.
    pub async fn containers(&self, filters: &[String]) -> Result<Vec<Container>, Error> {
        let request = proto::ListContainersRequest {
            filters: filters.to_vec(),
        };
        let mut client = self.containers_client();
        let answer = self
            .call("Containers.List", "", client.list(self.request(request)))
            .await?;
        Ok(answer.containers.into_iter().map(Into::into).collect())
    }

    /// Deletes a container record; a missing one is not an error.
    ///
    /// # Errors
    /// As the call's.
    pub async fn delete_container(&self, id: &str) -> Result<(), Error> {
        let request = proto::DeleteContainerRequest { id: id.to_owned() };
        let mut client = self.containers_client();
        match self
            .call(
                "Containers.Delete",
                id,
                client.delete(self.request(request)),
            )
            .await
        {
            Err(error) if error.is_not_found() => Ok(()),
            result => result,
        }
    }
}
