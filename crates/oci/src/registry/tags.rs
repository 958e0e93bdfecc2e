//! The tags of a repository, and deleting.

use serde::Deserialize;

use super::client::expect;
use super::error::RegistryError;
use super::session::Repository;
use super::transport::Call;
use crate::descriptor::null_is_empty;
use crate::image::DocumentError;

#[derive(Deserialize)]
struct Page {
    /// Some registries write `null` where there is none.
    #[serde(default, deserialize_with = "null_is_empty")]
    tags: Vec<String>,
}

impl Repository {
    /// The tags of the repository, in the registry's order.
    ///
    /// # Errors
    /// When the registry refuses, or its answer is not a list of tags.
    pub fn tags(&self) -> Result<Vec<String>, RegistryError> {
        let call = Call::new("GET", self.url("tags/list"));
        let answer = self.call(&call)?;
        let mut tags = Vec::new();
        self.pages(call, answer, |bytes| {
            let what = "list of tags";
            let page: Page = serde_json::from_slice(bytes)
                .map_err(|source| DocumentError::Json { what, source })?;
            tags.extend(page.tags);
            Ok(())
        })?;
        Ok(tags)
    }

    /// Deletes what `reference`, a tag or a digest, names. Returns whether it was there.
    ///
    /// # Errors
    /// When the registry refuses; many do not delete by tag, or at all.
    pub fn delete(&self, reference: &str) -> Result<bool, RegistryError> {
        let call = Call::new("DELETE", self.url(&format!("manifests/{reference}")));
        let answer = self.call(&call)?;
        if answer.status == 404 {
            return Ok(false);
        }
        expect(&call, answer, &[200, 202, 204]).map(|_| true)
    }
}
