//! Reading blobs, through redirects to where a registry keeps them.

use std::io::Read;

use super::location::resolve;
use super::session::{Repository, expect};
use super::transport::{Answer, Call};
use super::{Problem, RegistryError};
use crate::{Descriptor, VerifyingReader};

/// A storage service behind a registry is one step away, a mirror before it another.
const REDIRECTS: u32 = 5;

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
            // It is there, and somewhere else.
            301 | 302 | 303 | 307 | 308 => Ok(true),
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
    /// When the registry does not have it, or sends us where we do not go.
    pub fn blob(
        &self,
        descriptor: &Descriptor,
    ) -> Result<VerifyingReader<Box<dyn Read + Send>>, RegistryError> {
        let call = Call::new("GET", self.url(&format!("blobs/{}", descriptor.digest)));
        let answer = self.follow(call)?;
        let reader: Box<dyn Read + Send> = Box::new(answer.into_reader());
        Ok(VerifyingReader::new(
            reader,
            descriptor.digest,
            descriptor.size,
        ))
    }

    /// Goes where the registry says. Credentials are for the registry itself: [`Repository::call`]
    /// shows them to no other host.
    fn follow(&self, mut call: Call<'_>) -> Result<Answer, RegistryError> {
        for _ in 0..=REDIRECTS {
            let answer = self.call(&call)?;
            if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
                return expect(&call, answer, &[200]);
            }
            let location = answer.header("location");
            let location =
                location.ok_or_else(|| call.error(Problem::Header { name: "Location" }))?;
            let next = resolve(&call.url, location).map_err(|problem| call.error(problem))?;
            // A step away from the registry and back to a private address is refused too.
            resolve(self.base(), next.as_str()).map_err(|problem| call.error(problem))?;
            call = Call::new("GET", next);
        }
        let target = super::location::redact(&call.url);
        Err(call.error(Problem::Redirect {
            target,
            why: "that is one redirect too many",
        }))
    }
}
