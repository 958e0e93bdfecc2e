//! The page that `GET /` returns to a browser: one document without other files or a build step. Its
//! policy allows exactly its own style and script, by their digests, and connections to the service.

use actix_http::header::HeaderValue;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::settings::Identity;

const TEMPLATE: &str = include_str!("page.html");

/// Links to the sample routes, if they are served.
const SAMPLES: &str = "\n    <p>To try out: \
    <a href=\"/headers\">the request as it arrived</a>, \
    <a href=\"/status/503\">a status</a>, \
    <a href=\"/delay/2s\">a response after two seconds</a>, \
    <a href=\"/chunked/10\">ten chunks</a>, \
    <a href=\"/events\">events until the pod drains</a>.</p>";

/// The page of this pod.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// The document.
    pub(crate) body: Bytes,
    /// Its Content-Security-Policy.
    pub(crate) policy: HeaderValue,
}

impl Page {
    /// Fills in the pod's identity, the greeting, and links to the sample routes if they are served.
    pub(crate) fn new(greeting: &str, identity: &Identity, has_samples: bool) -> Self {
        let known = |value: &Option<String>| value.as_deref().unwrap_or("unknown").to_owned();
        let fields = [
            ("{{greeting}}", greeting.to_owned()),
            ("{{pod}}", identity.pod.clone()),
            ("{{namespace}}", known(&identity.namespace)),
            ("{{node}}", known(&identity.node)),
            ("{{zone}}", known(&identity.zone)),
            ("{{service}}", identity.service.clone()),
            ("{{version}}", crate::build_info::VERSION.to_owned()),
        ];
        let body = fields
            .iter()
            .fold(TEMPLATE.to_owned(), |page, (field, value)| {
                page.replace(field, &escape(value))
            })
            .replace("{{samples}}", if has_samples { SAMPLES } else { "" });
        let policy = format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; connect-src 'self'; \
             img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            digest(inside("style")),
            digest(inside("script")),
        );
        let policy = HeaderValue::from_maybe_shared(Bytes::from(policy));
        Self {
            body: body.into(),
            policy: policy.expect("base64 and words are visible ASCII"),
        }
    }
}

/// The content of an element that is in the template once, without attributes.
fn inside(element: &str) -> &'static str {
    let begin = TEMPLATE
        .split_once(&format!("<{element}>"))
        .map_or("", |(_, rest)| rest);
    begin
        .split_once(&format!("</{element}>"))
        .map_or("", |(inside, _)| inside)
}

/// A source expression of Content Security Policy Level 3, section 2.3.1.
fn digest(text: &str) -> String {
    format!("sha256-{}", base64(&Sha256::digest(text.as_bytes())))
}

/// Base64 with padding (RFC 4648 §4).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| chunk.get(index).copied().map_or(0, u32::from);
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..4 {
            text.push(if position <= chunk.len() {
                char::from(ALPHABET[(group >> (18 - 6 * position) & 63) as usize])
            } else {
                '='
            });
        }
    }
    text
}

/// Text within an element or a quoted attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // A value that looks like a field stays a value.
            '{' => escaped.push_str("&#123;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::Route;

    fn identity(pod: &str) -> Identity {
        Identity {
            pod: pod.to_owned(),
            namespace: None,
            node: None,
            zone: None,
            service: "service".to_owned(),
        }
    }

    #[test]
    fn values_are_escaped() {
        let page = Page::new(
            "</p><script>alert(1)</script>",
            &identity("{{zone}}\"x"),
            false,
        );
        let body = std::str::from_utf8(&page.body).unwrap();
        assert_eq!(body.matches("<script").count(), 1);
        assert!(body.contains("&lt;script&gt;alert(1)"));
        assert!(body.contains("&#123;&#123;zone}}&quot;x"));
        assert!(!body.contains("{{"), "every field is filled in");
    }

    #[test]
    fn every_sample_route_has_a_link_if_it_is_served() {
        let links = |has_samples| {
            let page = Page::new("{{samples}}", &identity("pod"), has_samples);
            let body = String::from_utf8(page.body.to_vec()).unwrap();
            let paths = body.split("href=\"").skip(1);
            let paths = paths.map(|rest| rest.split_once('"').unwrap().0);
            let routes: Vec<_> = paths.map(Route::of).filter(|of| of.is_sample()).collect();
            routes
        };
        let samples: Vec<_> = Route::ALL.into_iter().filter(|of| of.is_sample()).collect();
        assert_eq!(links(true), samples);
        assert_eq!(links(false), []);
    }

    #[test]
    fn the_page_requests_nothing_from_other_hosts() {
        for outside in [
            "http://",
            "https://",
            "url(",
            "@import",
            " style=",
            " onclick=",
        ] {
            let found = TEMPLATE.replace("http://www.w3.org/2000/svg", "");
            assert!(!found.contains(outside), "{outside}");
        }
        assert!(!inside("style").is_empty() && !inside("script").is_empty());
        for field in ["{{", "}}"] {
            assert!(
                !inside("script").contains(field),
                "a digest must not depend on the pod"
            );
        }
    }

    #[test]
    fn base64_is_padded() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
