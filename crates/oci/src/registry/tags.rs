//! Lists tags, and deletes tags and manifests.

use serde::Deserialize;

use super::client::expect;
use super::error::RegistryError;
use super::session::Repository;
use super::transport::Call;
use crate::descriptor::null_is_empty;
use crate::image::DocumentError;

#[derive(Deserialize)]
struct Page {
    /// Some registries write `null` if there are none.
    #[serde(default, deserialize_with = "null_is_empty")]
    tags: Vec<String>,
}

impl Repository {
    /// The tags of the repository, in the registry's order.
    ///
    /// # Errors
    /// If the registry refuses, or its response is not a list of tags.
    pub fn tags(&self) -> Result<Vec<String>, RegistryError> {
        let call = Call::new("GET", self.url("tags/list"));
        let response = self.call(&call)?;
        let mut tags = Vec::new();
        self.pages(call, response, |bytes| {
            let what = "list of tags";
            let page: Page = serde_json::from_slice(bytes)
                .map_err(|source| DocumentError::Json { what, source })?;
            tags.extend(page.tags);
            Ok(())
        })?;
        Ok(tags)
    }

    /// Deletes a tag, or the manifest with a digest. Returns whether it existed.
    ///
    /// # Errors
    /// If the registry refuses: many do not delete tags, or anything at all.
    pub fn delete(&self, reference: &str) -> Result<bool, RegistryError> {
        let call = Call::new("DELETE", self.url(&format!("manifests/{reference}")));
        let response = self.call(&call)?;
        if response.status == 404 {
            return Ok(false);
        }
        expect(&call, response, &[200, 202, 204]).map(|_| true)
    }
}
