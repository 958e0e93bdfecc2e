//! Leases protect resources that are being created from the garbage collector until they are referenced.

use containerd_client::services::v1::leases_client::LeasesClient;
use containerd_client::services::v1::{CreateRequest, DeleteRequest, ListRequest};

use super::{Containerd, Error, Labels};

/// A lease of this namespace.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Its name.
    pub id: String,
    /// Its labels.
    pub labels: Labels,
}

impl Containerd {
    /// Creates a lease that expires at `expires_ms`, in milliseconds since 1970, and returns a client that uses it
    /// for its calls.
    ///
    /// # Errors
    /// As the call's.
    pub async fn lease(&self, id: &str, labels: Labels, expires_ms: i64) -> Result<Self, Error> {
        let mut labels = labels;
        let expires = jiff::Timestamp::from_millisecond(expires_ms).unwrap_or_default();
        labels.insert("containerd.io/gc.expire".to_owned(), expires.to_string());
        let request = CreateRequest {
            id: id.to_owned(),
            labels: labels.into_iter().collect(),
        };
        let mut client = LeasesClient::new(self.channel.clone());
        self.call("Leases.Create", id, client.create(self.request(request)))
            .await?;
        Ok(self.leased(id))
    }

    /// Deletes a lease; with `sync`, what only it held is collected at once. A missing one is not an error.
    ///
    /// # Errors
    /// As the call's.
    pub async fn release(&self, id: &str, sync: bool) -> Result<(), Error> {
        let mut client = LeasesClient::new(self.channel.clone());
        let request = DeleteRequest {
            id: id.to_owned(),
            sync,
        };
        match self
            .call("Leases.Delete", id, client.delete(self.request(request)))
            .await
        {
            Err(error) if error.is_not_found() => Ok(()),
            result => result,
        }
    }

    /// Lists the namespace's leases.
    ///
    /// # Errors
    /// As the call's.
    pub async fn leases(&self) -> Result<Vec<Lease>, Error> {
        let mut client = LeasesClient::new(self.channel.clone());
        let request = ListRequest {
            filters: Vec::new(),
        };
        let answer = self
            .call("Leases.List", "", client.list(self.request(request)))
            .await?;
        Ok(answer
            .leases
            .into_iter()
            .map(|lease| Lease {
                id: lease.id,
                labels: lease.labels.into_iter().collect(),
            })
            .collect())
    }
}
