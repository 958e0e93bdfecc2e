//! The program's environment, read once at the start.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use oci::registry::{Proxies, Secret};

use crate::engine::EngineSettings;
use crate::interrupt::Interrupts;
use crate::registry::TrustPaths;

/// The variable with the password of the signing key, as in cosign.
pub(crate) const PASSWORD_VARIABLE: &str = "COSIGN_PASSWORD";

/// The settings of this process's environment.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    /// Cargo: the one that runs this program (`cargo run`), else the one on `PATH`.
    pub(crate) cargo: PathBuf,
    /// Where Cargo keeps the sources of dependencies.
    pub(crate) cargo_home: Option<PathBuf>,
    /// Where rustup keeps its toolchains.
    pub(crate) rustup_home: Option<PathBuf>,
    /// The user's cache directory.
    pub(crate) cache_home: Option<PathBuf>,
    /// The credential files of `docker login` and `podman login`, unless the command line names another; the
    /// first one with an entry for a registry counts.
    pub(crate) auth_files: Vec<PathBuf>,
    /// The proxies on the way to a registry.
    pub(crate) proxies: Proxies,
    /// The replacement for the machine's certificate authorities.
    pub(crate) trust: TrustPaths,
    /// The signals that ask this process to stop.
    pub(crate) interrupts: Interrupts,
    /// The terminal cannot move its cursor.
    pub(crate) dumb_terminal: bool,
    /// The variables that select the local container engine.
    pub(crate) engine: EngineSettings,
    /// The password of the signing key.
    pub(crate) key_password: Option<Secret>,
    /// The folders in which programs are found.
    pub(crate) search_path: OsString,
    /// The path of zig, once it was looked up.
    pub(crate) zig: Arc<OnceLock<Option<PathBuf>>>,
    /// The names of all variables that are set.
    names: BTreeSet<String>,
}

impl Environment {
    /// Reads this process's environment.
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the edge where settings are read"
    )]
    pub(crate) fn read() -> Self {
        let interrupts = Interrupts::install().expect("these signals can be handled");
        let path = |name: &str| {
            std::env::var_os(name)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        };
        Self {
            interrupts,
            cargo: path("CARGO").unwrap_or_else(|| "cargo".into()),
            cargo_home: path("CARGO_HOME")
                .or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))),
            rustup_home: path("RUSTUP_HOME")
                .or_else(|| std::env::home_dir().map(|home| home.join(".rustup"))),
            cache_home: path("XDG_CACHE_HOME")
                .or_else(|| std::env::home_dir().map(|home| home.join(".cache"))),
            auth_files: auth_files(path, std::env::home_dir()),
            proxies: Proxies::from_variables(|name| std::env::var(name).ok()),
            trust: TrustPaths {
                file: path("SSL_CERT_FILE"),
                directories: path("SSL_CERT_DIR")
                    .map(|list| std::env::split_paths(&list).collect())
                    .unwrap_or_default(),
            },
            dumb_terminal: std::env::var_os("TERM").is_none_or(|term| term == "dumb"),
            engine: EngineSettings {
                host: std::env::var("DOCKER_HOST")
                    .ok()
                    .filter(|host| !host.is_empty()),
                tls_verify: std::env::var_os("DOCKER_TLS_VERIFY").is_some_and(|v| !v.is_empty()),
                runtime_directory: path("XDG_RUNTIME_DIR"),
            },
            key_password: std::env::var(PASSWORD_VARIABLE).ok().map(Secret::new),
            search_path: std::env::var_os("PATH").unwrap_or_default(),
            zig: Arc::default(),
            names: std::env::vars_os()
                .filter_map(|(name, _)| name.into_string().ok())
                .collect(),
        }
    }

    /// Whether a variable is set.
    pub(crate) fn sets(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// The variables that are set and would change what is compiled. They are not passed on to
    /// Cargo, since the image would depend on them.
    pub(crate) fn ignored(&self) -> impl Iterator<Item = &str> {
        self.names
            .iter()
            .map(String::as_str)
            .filter(|name| changes_the_build(name))
    }
}

/// The credential files: `REGISTRY_AUTH_FILE`, Docker's, then podman's, as in
/// [containers-auth.json(5)](https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md).
fn auth_files(variable: impl Fn(&str) -> Option<PathBuf>, home: Option<PathBuf>) -> Vec<PathBuf> {
    let below = |directory: Option<PathBuf>, file: &str| directory.map(|path| path.join(file));
    let config = variable("XDG_CONFIG_HOME").or_else(|| below(home.clone(), ".config"));
    let files = [
        variable("REGISTRY_AUTH_FILE"),
        below(home, ".docker/config.json"),
        below(variable("XDG_RUNTIME_DIR"), "containers/auth.json"),
        below(config, "containers/auth.json"),
    ];
    files.into_iter().flatten().collect()
}

/// Whether a variable changes the flags of a compiler, by
/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html> and
/// <https://docs.rs/cc/latest/cc/#external-configuration-via-environment-variables>.
///
/// A variable that chooses a compiler, archiver or linker does not count: like rustup, it selects the user's
/// toolchain.
pub(crate) fn changes_the_build(name: &str) -> bool {
    let rust = matches!(
        name,
        "RUSTFLAGS" | "CARGO_ENCODED_RUSTFLAGS" | "CARGO_BUILD_RUSTFLAGS"
    ) || name.starts_with("CARGO_PROFILE_")
        || (name.starts_with("CARGO_TARGET_") && name.ends_with("_RUSTFLAGS"));
    let c = [
        "CFLAGS",
        "CXXFLAGS",
        "CPPFLAGS",
        "LDFLAGS",
        "ARFLAGS",
        "RANLIBFLAGS",
    ];
    let name = name.strip_prefix("TARGET_").unwrap_or(name);
    rust || c.iter().any(|flags| {
        name.strip_prefix(flags)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_change_the_build_are_known() {
        for yes in [
            "RUSTFLAGS",
            "CARGO_PROFILE_RELEASE_LTO",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS",
            "CFLAGS",
            "TARGET_CFLAGS",
            "CXXFLAGS_x86_64_unknown_linux_musl",
            "CFLAGS_x86_64-unknown-linux-musl",
        ] {
            assert!(changes_the_build(yes), "{yes}");
        }
        for no in [
            "CARGO_TARGET_DIR",
            "CARGO_HOME",
            "RUSTUP_TOOLCHAIN",
            "RUSTC_WRAPPER",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER",
            "CC",
            "CC_x86_64_unknown_linux_musl",
            "HOST_CFLAGS",
            "CFLAGSX",
        ] {
            assert!(!changes_the_build(no), "{no}");
        }
    }
}
