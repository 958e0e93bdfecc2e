//! What the program takes from its environment, read once at the start.

use std::path::PathBuf;

/// The settings of this process's environment.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    /// Cargo: the one that runs this program where one does (`cargo run`), else that on `PATH`.
    pub(crate) cargo: PathBuf,
    /// Where Cargo keeps the sources of dependencies.
    pub(crate) cargo_home: Option<PathBuf>,
    /// Where `docker login` keeps its configuration, unless the command line says otherwise.
    pub(crate) docker_config: Option<PathBuf>,
    /// The terminal cannot move its cursor.
    pub(crate) dumb_terminal: bool,
    /// `RUSTFLAGS` or `CARGO_ENCODED_RUSTFLAGS` is set; it is not used, since the image would
    /// depend on it.
    pub(crate) rustflags: bool,
}

impl Environment {
    /// Reads this process's.
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the edge where settings are read"
    )]
    pub(crate) fn read() -> Self {
        let path = |name: &str| {
            std::env::var_os(name)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        };
        Self {
            cargo: path("CARGO").unwrap_or_else(|| "cargo".into()),
            cargo_home: path("CARGO_HOME")
                .or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))),
            docker_config: std::env::home_dir().map(|home| home.join(".docker")),
            dumb_terminal: std::env::var_os("TERM").is_none_or(|term| term == "dumb"),
            rustflags: path("RUSTFLAGS")
                .or_else(|| path("CARGO_ENCODED_RUSTFLAGS"))
                .is_some(),
        }
    }
}
