//! The files of an image without a base: the few that programs expect on every system.
//!
//! It is a layer of its own, the same for every service and platform, so it is stored and pulled
//! once.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::layer::{Files, Layer, LayerError, Packer};
use crate::setting_values::{NONROOT, User};

/// Where programs look for certificate authorities, as on Debian and Alpine.
pub(crate) const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

/// Packs this layer.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn layer(packer: &Packer<'_>) -> Result<Layer, LayerError> {
    packer.pack(&files(), "imagebuilder: base files")
}

/// The files of this layer.
fn files() -> Files {
    let mut files = Files::default();
    let passwd = format!(
        "root:x:0:0:root:/root:/sbin/nologin\n\
         nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n\
         nonroot:x:{NONROOT}:{NONROOT}:nonroot:/home/nonroot:/sbin/nologin\n"
    );
    let group = format!("root:x:0:\nnobody:x:65534:\nnonroot:x:{NONROOT}:\n");
    files.file("etc/passwd", 0o644, passwd.into_bytes());
    files.file("etc/group", 0o644, group.into_bytes());
    files.file(CERTIFICATES, 0o644, certificates().into_bytes());
    files.directory("home/nonroot", 0o700, User::NONROOT);
    // A pod with a read-only root mounts an emptyDir here; without one it is writable as usual.
    files.directory("tmp", 0o1777, User::ROOT);
    files
}

/// Mozilla's certificate authorities for TLS servers as PEM (RFC 7468), in the order of their
/// bytes, so that a reordered crate gives the same file.
fn certificates() -> String {
    let mut roots: Vec<&[u8]> = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .map(AsRef::as_ref)
        .collect();
    roots.sort_unstable();
    let mut pem = String::new();
    for root in roots {
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        let text = STANDARD.encode(root);
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, more) = rest.split_at(rest.len().min(64));
            writeln!(pem, "{line}").expect("writing to memory cannot fail");
            rest = more;
        }
        pem.push_str("-----END CERTIFICATE-----\n");
    }
    pem
}
