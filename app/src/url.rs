//! An `http://` URL as far as this service needs one: where to connect and what to ask for. No TLS,
//! no user information.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A plain HTTP URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpUrl {
    /// Host without brackets, as a resolver takes it.
    pub(crate) host: String,
    /// Port, 80 where none was given.
    pub(crate) port: u16,
    /// Host and port as the Host header has them.
    pub(crate) authority: String,
    /// Path and query, beginning with a slash.
    pub(crate) path: String,
}

/// Why a text is no plain HTTP URL.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no http:// URL, such as http://127.0.0.1:5000/healthz")]
pub(crate) struct UrlError(String);

impl FromStr for HttpUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        parse(text).ok_or_else(|| UrlError(text.chars().take(200).collect()))
    }
}

fn parse(text: &str) -> Option<HttpUrl> {
    // Anything else would end up in a request line or a header.
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let rest = text.strip_prefix("http://")?;
    let rest = rest.split('#').next().unwrap_or(rest);
    let split = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(split);
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (
                host,
                port.strip_prefix(':')
                    .or_else(|| port.is_empty().then_some("80"))?,
            )
        }
        None => authority.split_once(':').unwrap_or((authority, "80")),
    };
    if host.is_empty() || host.contains(['@', '[', ']']) || port.starts_with('+') {
        return None;
    }
    let port = port.parse().ok()?;
    Some(HttpUrl {
        host: host.to_owned(),
        port,
        authority: authority.to_owned(),
        path,
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
    fn what_is_no_plain_http_url_is_refused() {
        for text in [
            "",
            "https://a/",
            "http://",
            "http://:80",
            "http://a:x",
            "http://a:+1",
            "http://u@h/",
            "http://a b/",
            "http://[::1",
            "http://[::1]x",
            "http://a/\r\nx: y",
        ] {
            assert!(text.parse::<HttpUrl>().is_err(), "{text}");
        }
    }
}
