//! Lists that a registry returns in pages.

use url::Url;

use super::client::expect;
use super::error::{Problem, RegistryError};
use super::location::resolve;
use super::session::Repository;
use super::transport::{Call, Response};
use crate::image::{DocumentError, MAX_DOCUMENT_BYTES};

/// The most pages that are read, in case a registry's links form a cycle.
const MAX_PAGES: u32 = 10_000;

impl Repository {
    /// Reads the pages of a list. The first one is `response`, to `call`.
    pub(super) fn pages(
        &self,
        mut call: Call<'_>,
        response: Response,
        mut page: impl FnMut(&[u8]) -> Result<(), DocumentError>,
    ) -> Result<(), RegistryError> {
        let mut response = expect(&call, response, &[200])?;
        for _ in 0..MAX_PAGES {
            let next = next_url(&call, &response)?;
            let bytes = response.read(MAX_DOCUMENT_BYTES);
            let bytes = bytes.map_err(|error| call.error(Problem::Unreachable(error.into())))?;
            page(&bytes).map_err(|error| call.error(error.into()))?;
            let Some(next) = next else {
                return Ok(());
            };
            call = call.at(next);
            response = expect(&call, self.call(&call)?, &[200])?;
        }
        Err(call.error(Problem::Header { name: "Link" }))
    }
}

fn next_url(call: &Call<'_>, response: &Response) -> Result<Option<Url>, RegistryError> {
    let next = response.header("link").and_then(next_page);
    let next = next.map(|next| resolve(&response.url, next));
    next.transpose().map_err(|problem| call.error(problem))
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
