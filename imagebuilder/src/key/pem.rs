//! Files in PEM ([RFC 7468](https://www.rfc-editor.org/rfc/rfc7468)), of which only the first block is read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The label of the block, if there is one.
pub(super) fn label(pem: &str) -> Option<&str> {
    pem.lines().find_map(|line| {
        line.trim()
            .strip_prefix("-----BEGIN ")?
            .strip_suffix("-----")
    })
}

/// The bytes of the block.
pub(super) fn body(pem: &str) -> Option<Vec<u8>> {
    let lines = pem.lines().map(str::trim);
    let text: String = lines
        .skip_while(|line| !line.starts_with("-----BEGIN "))
        .skip(1)
        .take_while(|line| !line.starts_with("-----END "))
        .collect();
    STANDARD.decode(text).ok()
}
