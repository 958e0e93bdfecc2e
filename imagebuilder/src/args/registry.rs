//! The options for connections to a registry.

use std::path::PathBuf;

use clap::Args;

/// How to connect to a registry.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry")]
pub(crate) struct Registry {
    /// Certificate authorities to trust in addition to the machine's, as PEM. `$SSL_CERT_FILE` and
    /// `$SSL_CERT_DIR` replace the machine's; Mozilla's are used if it has none.
    #[arg(long, value_name = "PATH")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Use plain HTTP, without TLS. This is the default for a registry on this machine (127.0.0.1,
    /// localhost), unless one of the TLS options is given.
    #[arg(long, conflicts_with_all = ["ca_file", "insecure_skip_tls_verify"])]
    pub(crate) plain_http: bool,
    /// Use TLS without verification: anyone on the network path can read and change everything.
    #[arg(long)]
    pub(crate) insecure_skip_tls_verify: bool,
    /// Refused, since some programs take it for plain HTTP and others for TLS without verification.
    #[arg(long, hide = true, value_parser = ambiguous, num_args = 0, default_missing_value = "")]
    insecure: Option<String>,
    /// Connect to ADDRESS instead of HOST:PORT. May be repeated.
    #[arg(long, value_name = "HOST:PORT:ADDRESS")]
    pub(crate) resolve: Vec<oci::registry::Resolve>,
    /// The directory with the config.json of `docker login`, instead of all other credentials:
    /// `$REGISTRY_AUTH_FILE`, ~/.docker, and podman's auth.json.
    #[arg(long, value_name = "DIR", env = "DOCKER_CONFIG")]
    pub(crate) docker_config: Option<PathBuf>,
}

/// What happens before a push.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry")]
pub(crate) struct Creation {
    /// Create the repository if it does not exist. For Amazon ECR.
    #[arg(long)]
    pub(crate) create_repository: bool,
}

pub(super) fn tag(text: &str) -> Result<String, oci::ReferenceError> {
    let name: oci::Reference = "x".parse()?;
    name.with_tag(text).map(|_| text.to_owned())
}

fn ambiguous(_: &str) -> Result<String, &'static str> {
    Err("use --plain-http or --insecure-skip-tls-verify instead")
}
