//! What was built.

/// The package's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The git revision, where the build was told one in `APP_REVISION`.
pub(crate) const REVISION: &str = match option_env!("APP_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};
