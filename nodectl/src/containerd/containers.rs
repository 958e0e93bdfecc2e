//! Container records: metadata only; the running part is a task.

use std::collections::BTreeMap;

use containerd_client::services::v1 as proto;
use containerd_client::services::v1::containers_client::ContainersClient;
use containerd_client::tonic::Status;
use containerd_client::tonic::client::Grpc;
use containerd_client::tonic::codegen::http::uri::PathAndQuery;
use containerd_client::tonic::transport::Channel;
use prost_types::{Any, Timestamp};
use serde::Serialize;
use tonic_prost::ProstCodec;

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

/// A container record, without its runtime spec.
///
/// A `containerd.services.containers.v1.Container` with only the fields that are used: the spec is most of
/// its bytes, and a node has hundreds of containers.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Container {
    /// Its name.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Its labels.
    #[prost(btree_map = "string, string", tag = "2")]
    pub labels: Labels,
    /// The image it was created from.
    #[prost(string, tag = "3")]
    pub image: String,
    /// The key of its snapshot.
    #[prost(string, tag = "7")]
    pub snapshot_key: String,
    /// When the record was created.
    #[prost(message, optional, tag = "8")]
    pub created: Option<Timestamp>,
    /// Further data, by name.
    #[prost(btree_map = "string, message", tag = "10")]
    pub extensions: BTreeMap<String, Any>,
}

impl Container {
    /// When the record was created, in seconds since 1970.
    pub fn created_at(&self) -> Option<i64> {
        self.created.map(|at| at.seconds)
    }
}

/// `containerd.services.containers.v1.ListContainersResponse`.
#[derive(Clone, PartialEq, prost::Message)]
struct ListContainersResponse {
    #[prost(message, repeated, tag = "1")]
    containers: Vec<Container>,
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
        let mut client =
            Grpc::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let call = async {
            let ready = client.ready().await;
            ready.map_err(|error| Status::from_error(error.into()))?;
            let path =
                PathAndQuery::from_static("/containerd.services.containers.v1.Containers/List");
            let codec = ProstCodec::<_, ListContainersResponse>::default();
            client.unary(self.request(request), path, codec).await
        };
        let answer = self.call("Containers.List", "", call).await?;
        Ok(answer.containers)
    }

    /// The runtime spec of a container, JSON.
    ///
    /// # Errors
    /// As the call's.
    pub async fn container_spec(&self, id: &str) -> Result<Vec<u8>, Error> {
        let request = proto::GetContainerRequest { id: id.to_owned() };
        let mut client = self.containers_client();
        let answer = self
            .call("Containers.Get", id, client.get(self.request(request)))
            .await?;
        let spec = answer.container.and_then(|container| container.spec);
        let spec = spec.ok_or_else(|| Error::Incomplete {
            call: "Containers.Get",
            object: id.to_owned(),
            part: "the runtime spec",
        })?;
        Ok(spec.value)
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
