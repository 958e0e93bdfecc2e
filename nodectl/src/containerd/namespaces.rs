//! Namespaces divide a containerd between its users.

use containerd_client::services::v1::namespaces_client::NamespacesClient;
use containerd_client::services::v1::{CreateNamespaceRequest, DeleteNamespaceRequest, Namespace};

use super::{Containerd, Error, Labels};

impl Containerd {
    /// Creates the client's namespace, and returns whether it is new; an existing one keeps its labels.
    ///
    /// # Errors
    /// As the call's.
    pub async fn create_namespace(&self, labels: Labels) -> Result<bool, Error> {
        let name = self.namespace().to_owned();
        let namespace = Namespace {
            name: name.clone(),
            labels: labels.into_iter().collect(),
        };
        let mut client = NamespacesClient::new(self.channel.clone());
        let request = CreateNamespaceRequest {
            namespace: Some(namespace),
        };
        match self
            .call(
                "Namespaces.Create",
                &name,
                client.create(self.request(request)),
            )
            .await
        {
            Ok(_) => Ok(true),
            Err(error) if error.is_already_exists() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes the client's namespace, which must be empty. A missing one is not an error.
    ///
    /// # Errors
    /// As the call's.
    pub async fn delete_namespace(&self) -> Result<(), Error> {
        let name = self.namespace().to_owned();
        let mut client = NamespacesClient::new(self.channel.clone());
        let request = DeleteNamespaceRequest { name: name.clone() };
        match self
            .call(
                "Namespaces.Delete",
                &name,
                client.delete(self.request(request)),
            )
            .await
        {
            Err(error) if error.is_not_found() => Ok(()),
            result => result,
        }
    }
}
