//! Reads blobs, following redirects to the storage service of a registry.

use std::io::Read;

use super::client::expect;
use super::error::RegistryError;
use super::location::same_host;
use super::session::Repository;
use super::transport::Call;
use crate::{Descriptor, VerifyingReader};

impl Repository {
    /// Whether the repository has a blob with this digest and size.
    ///
    /// # Errors
    /// If the request fails.
    pub fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, RegistryError> {
        let path = format!("blobs/{}", descriptor.digest);
        let call = Call::new("HEAD", self.url(&path));
        let response = self.call(&call)?;
        match response.status {
            404 => Ok(false),
            // A signed URL of a storage service may be valid for GET only.
            400 | 401 | 403 | 405 if !same_host(self.base(), &response.url) => Ok(true),
            _ => {
                let response = self.expect(&call, response, &[200])?;
                let size = response
                    .header("content-length")
                    .and_then(|size| size.parse().ok());
                Ok(size.is_none_or(|size: u64| size == descriptor.size))
            }
        }
    }

    /// Opens a blob. Reading it to its end verifies it.
    ///
    /// # Errors
    /// If the registry does not have it, or redirects to a URL that is not followed.
    pub fn blob(
        &self,
        descriptor: &Descriptor,
    ) -> Result<VerifyingReader<Box<dyn Read + Send>>, RegistryError> {
        let call = Call::new("GET", self.url(&format!("blobs/{}", descriptor.digest)));
        let response = expect(&call, self.call(&call)?, &[200])?;
        let reader: Box<dyn Read + Send> = Box::new(response.into_reader());
        Ok(VerifyingReader::new(
            reader,
            descriptor.digest,
            descriptor.size,
        ))
    }
}
