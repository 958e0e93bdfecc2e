//! [Package URLs](https://github.com/package-url/purl-spec/blob/main/types-doc/cargo-definition.md).

use std::fmt::Write as _;

/// The package URL of a crate, with a qualifier if it does not come from crates.io.
pub(crate) fn cargo(name: &str, version: &str, qualifier: Option<(&str, &str)>) -> String {
    let mut purl = format!("pkg:cargo/{name}@{}", encode(version));
    if let Some((key, value)) = qualifier {
        write!(purl, "?{key}={}", encode(value)).expect("writing to memory cannot fail");
    }
    purl
}

/// Percent-encodes the characters that are not allowed in a package URL.
fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' => {
                out.push(char::from(byte));
            }
            _ => write!(out, "%{byte:02X}").expect("writing to memory cannot fail"),
        }
    }
    out
}
