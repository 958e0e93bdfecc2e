//! Version and revision of the binary.

/// The package's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The git revision, if `SOURCE_REVISION` was set for the build.
pub(crate) const REVISION: &str = match option_env!("SOURCE_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};
