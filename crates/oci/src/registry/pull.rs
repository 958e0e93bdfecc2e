//! Reading blobs, through redirects to where a registry keeps them.

use std::io::Read;

use super::client::expect;
use super::error::RegistryError;
use super::location::same_host;
use super::session::Repository;
use super::transport::Call;
use crate::{Descriptor, VerifyingReader};

impl Repository {
    /// Whether the repository has a blob of that digest and size.
    ///
    /// # Errors
    /// When the registry cannot be asked.
    pub fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, RegistryError> {
        let path = format!("blobs/{}", descriptor.digest);
        let call = Call::new("HEAD", self.url(&path));
        let answer = self.call(&call)?;
        match answer.status {
            404 => Ok(false),
            // The URL that a storage service signs may be good for a GET alone.
            400 | 401 | 403 | 405 if !same_host(self.base(), &answer.url) => Ok(true),
            _ => {
                let answer = self.expect(&call, answer, &[200])?;
                let size = answer
                    .header("content-length")
                    .and_then(|size| size.parse().ok());
                Ok(size.is_none_or(|size: u64| size == descriptor.size))
            }
        }
    }

    /// Opens a blob. Reading it to its end verifies it.
    ///
    /// # Errors
    /// When the registry does not have it, or redirects to a place that is not followed.
    pub fn blob(
        &self,
        descriptor: &Descriptor,
    ) -> Result<VerifyingReader<Box<dyn Read + Send>>, RegistryError> {
        let call = Call::new("GET", self.url(&format!("blobs/{}", descriptor.digest)));
        let answer = expect(&call, self.call(&call)?, &[200])?;
        let reader: Box<dyn Read + Send> = Box::new(answer.into_reader());
        Ok(VerifyingReader::new(
            reader,
            descriptor.digest,
            descriptor.size,
        ))
    }
}
