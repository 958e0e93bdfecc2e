//! An `http://` URL: where to connect and what to request. TLS and user information are not supported.

use std::fmt;
use std::str::FromStr;

use actix_http::Uri;
use thiserror::Error;

/// A plain HTTP URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpUrl {
    /// Host without brackets, for the resolver.
    pub(crate) host: String,
    /// Port, 80 if the URL has none.
    pub(crate) port: u16,
    /// Host and port, for the Host header.
    pub(crate) authority: String,
    /// Path and query, beginning with a slash.
    pub(crate) path: String,
}

/// Why a text is not a plain HTTP URL.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("invalid URL `{0}`: expected one such as http://127.0.0.1:5000/healthz")]
pub(crate) struct UrlError(String);

impl FromStr for HttpUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        parse(text).ok_or_else(|| UrlError(text.chars().take(200).collect()))
    }
}

fn parse(text: &str) -> Option<HttpUrl> {
    let uri: Uri = text.parse().ok()?;
    let authority = uri
        .authority()
        .filter(|_| uri.scheme_str() == Some("http"))?;
    let host = authority.host();
    let port = match authority.port() {
        Some(port) if port.as_str().bytes().all(|byte| byte.is_ascii_digit()) => port.as_u16(),
        Some(_) => return None,
        // A port that is not a number, and user information, are left over beside the host.
        None => (authority.as_str() == host).then_some(80)?,
    };
    if authority.as_str().contains('@') {
        return None;
    }
    let host = host.strip_prefix('[').unwrap_or(host);
    let host = host.strip_suffix(']').unwrap_or(host);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    (!host.is_empty()).then(|| HttpUrl {
        host: host.to_owned(),
        port,
        authority: authority.as_str().to_owned(),
        path: if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        },
    })
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "http://{}{}", self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, host: &str, port: u16, path: &str) {
        let url: HttpUrl = text.parse().unwrap();
        assert_eq!(
            (url.host.as_str(), url.port, url.path.as_str()),
            (host, port, path),
            "{text}"
        );
    }

    #[test]
    fn the_parts_are_found() {
        check(
            "http://127.0.0.1:5000/healthz",
            "127.0.0.1",
            5000,
            "/healthz",
        );
        check("http://collector", "collector", 80, "/");
        check("http://[::1]:9/a?b#c", "::1", 9, "/a?b");
        check("http://[::1]?q", "::1", 80, "/?q");
    }

    #[test]
    fn other_urls_are_refused() {
        for text in [
            "",
            "/healthz",
            "https://a/",
            "http://",
            "http://:80",
            "http://a:x",
            "http://a:+1",
            "http://a:65536",
            "http://u@h/",
            "http://u:p@h:80/",
            "http://a b/",
            "http://[::1",
            "http://[::1]x",
            "http://a/\r\nx: y",
        ] {
            assert!(text.parse::<HttpUrl>().is_err(), "{text}");
        }
    }
}
