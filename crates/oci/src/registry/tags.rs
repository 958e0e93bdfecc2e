//! The tags of a repository, and deleting.

use serde::Deserialize;

use super::client::expect;
use super::error::{Problem, RegistryError};
use super::location::resolve;
use super::session::Repository;
use super::transport::Call;
use crate::descriptor::null_is_empty;
use crate::image::{DocumentError, MAX_DOCUMENT_BYTES};

/// The most pages of tags that are read: a registry that links in a circle has no last one.
const MAX_PAGES: u32 = 10_000;

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
        let mut tags = Vec::new();
        let mut url = self.url("tags/list");
        for _ in 0..MAX_PAGES {
            let call = Call::new("GET", url);
            let answer = expect(&call, self.call(&call)?, &[200])?;
            let next = answer.header("link").and_then(next_page).map(str::to_owned);
            let asked = answer.url.clone();
            let bytes = answer.read(MAX_DOCUMENT_BYTES);
            let bytes = bytes.map_err(|error| call.error(Problem::Unreachable(error.into())))?;
            let what = "list of tags";
            let page: Page = serde_json::from_slice(&bytes)
                .map_err(|source| call.error(DocumentError::Json { what, source }.into()))?;
            tags.extend(page.tags);
            let Some(next) = next else {
                return Ok(tags);
            };
            url = resolve(&asked, &next).map_err(|problem| call.error(problem))?;
        }
        let call = Call::new("GET", url);
        Err(call.error(Problem::Header { name: "Link" }))
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

/// The URL of `Link: <URL>; rel="next"`.
fn next_page(link: &str) -> Option<&str> {
    let (url, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let next = parameters
        .split(';')
        .any(|parameter| matches!(parameter.trim(), "rel=\"next\"" | "rel=next"));
    next.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_to_the_next_page_is_read() {
        assert_eq!(
            next_page("</v2/a/tags/list?last=b&n=2>; rel=\"next\""),
            Some("/v2/a/tags/list?last=b&n=2")
        );
        assert_eq!(next_page(" <x>;rel=next"), Some("x"));
        assert_eq!(next_page("<x>; rel=\"prev\""), None);
        assert_eq!(next_page("x"), None);
    }
}
