//! How names are completed for Docker Hub, the default registry.
//!
//! <https://github.com/distribution/reference/blob/v0.6.0/normalize.go>

/// Docker Hub in a reference.
pub(crate) const DOCKER_HUB: &str = "docker.io";

/// Its name in old references.
pub(crate) const LEGACY: &str = "index.docker.io";

/// The path of the repository `name` in a registry; Docker Hub's official images get the prefix `library/`.
pub(crate) fn path(registry: &str, name: &str) -> String {
    if registry == DOCKER_HUB && !name.contains('/') {
        format!("library/{name}")
    } else {
        name.to_owned()
    }
}
