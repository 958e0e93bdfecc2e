//! The certificate authorities of this machine.

use std::path::PathBuf;
use std::sync::Arc;

use rustls_native_certs::{load_certs_from_paths, load_native_certs};

/// `SSL_CERT_FILE` or `SSL_CERT_DIR` cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use `{}` of {variable}: {problem}", path.display())]
pub(crate) struct TrustError {
    pub(crate) variable: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) problem: String,
}

/// The replacement for the machine's certificate authorities, by OpenSSL's variables. There is none if both
/// are empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustPaths {
    /// `SSL_CERT_FILE`
    pub(crate) file: Option<PathBuf>,
    /// `SSL_CERT_DIR`
    pub(crate) directories: Vec<PathBuf>,
}

/// The certificate authorities to trust, as DER: those of `paths`, else the machine's, which may be none.
///
/// # Errors
/// If `paths` has no certificate or cannot be read, since only these are to be trusted.
pub(super) fn machine_roots(paths: &TrustPaths) -> Result<Arc<Vec<Vec<u8>>>, TrustError> {
    let der = |found: rustls_native_certs::CertificateResult| {
        let certificates = found.certs.iter().map(|der| der.to_vec());
        (certificates.collect::<Vec<_>>(), found.errors)
    };
    let file = paths.file.iter().map(|file| {
        let found = load_certs_from_paths(Some(file), None);
        ("SSL_CERT_FILE", file, found)
    });
    let directories = paths.directories.iter().map(|directory| {
        let found = load_certs_from_paths(None, Some(directory));
        ("SSL_CERT_DIR", directory, found)
    });
    let mut roots = Vec::new();
    let mut replaced = false;
    for (variable, path, found) in file.chain(directories) {
        let (certificates, errors) = der(found);
        if certificates.is_empty() {
            let problem = errors
                .first()
                .map_or_else(|| "it has no certificate".to_owned(), ToString::to_string);
            let path = path.clone();
            return Err(TrustError {
                variable,
                path,
                problem,
            });
        }
        roots.extend(certificates);
        replaced = true;
    }
    if !replaced {
        roots = der(load_native_certs()).0;
    }
    Ok(Arc::new(roots))
}
