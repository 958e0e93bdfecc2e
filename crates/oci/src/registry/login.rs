//! Stores credentials where `docker` and `podman` look for them, and deletes them.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::credential_helper::{HELPER_TIMEOUT, erase, store};
use super::credentials::{CredentialError, Secret};
use super::docker_config::{DockerConfig, names, server};

/// Where credentials are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In this file, which every program of the user can read.
    File(PathBuf),
    /// With this credential helper.
    Helper(String),
}

impl DockerConfig {
    /// Stores a name and a password for the registry at `host`: with the helper that the file names
    /// for it, else in the file. Other content of the file is preserved.
    ///
    /// # Errors
    /// If the helper fails, or the file cannot be written.
    pub fn store(
        &self,
        host: &str,
        username: &str,
        password: &Secret,
    ) -> Result<Kept, CredentialError> {
        if let Some(helper) = self.helper(host) {
            let program = format!("docker-credential-{helper}");
            store(&program, server(host), username, password, HELPER_TIMEOUT)
                .map_err(|error| failed(host, &format!("`{program}`"), error))?;
            return Ok(Kept::Helper(program));
        }
        let pair = STANDARD.encode(format!("{username}:{}", password.reveal()));
        let entry = serde_json::json!({ "auth": pair });
        self.change(|auths| {
            auths.insert(server(host).to_owned(), entry);
            true
        })
        .map_err(|error| failed(host, &self.origin(), error))?;
        Ok(Kept::File(self.path().to_owned()))
    }

    /// Deletes the credentials for the registry at `host`. Returns where they were stored.
    ///
    /// # Errors
    /// As [`DockerConfig::store`].
    pub fn erase(&self, host: &str) -> Result<Vec<Kept>, CredentialError> {
        let mut erased = Vec::new();
        if let Some(helper) = self.helper(host) {
            let program = format!("docker-credential-{helper}");
            let known = erase(&program, server(host), HELPER_TIMEOUT)
                .map_err(|error| failed(host, &format!("`{program}`"), error))?;
            if known {
                erased.push(Kept::Helper(program));
            }
        }
        let mut known = false;
        self.change(|auths| {
            for name in names(host) {
                known |= auths.remove(name).is_some();
            }
            known
        })
        .map_err(|error| failed(host, &self.origin(), error))?;
        if known {
            erased.push(Kept::File(self.path().to_owned()));
        }
        Ok(erased)
    }

    fn origin(&self) -> String {
        format!("`{}`", self.path().display())
    }

    /// Changes the entry `auths` of the file, which is read again: another program may have changed
    /// it. Nothing is written if `change` returns false.
    fn change(&self, change: impl FnOnce(&mut Map<String, Value>) -> bool) -> io::Result<()> {
        // A symbolic link is preserved.
        let path = fs::canonicalize(self.path()).unwrap_or_else(|_| self.path().to_owned());
        let mut file: Value = match fs::read(&path) {
            // The parser's message could quote a secret.
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| invalid())?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Value::Object(Map::new()),
            Err(error) => return Err(error),
        };
        let all = file.as_object_mut().ok_or_else(invalid)?;
        let auths = all.entry("auths").or_insert(Value::Null);
        if auths.is_null() {
            *auths = Value::Object(Map::new());
        }
        if change(auths.as_object_mut().ok_or_else(invalid)?) {
            let text = serde_json::to_vec_pretty(&file)?;
            write(&path, &text)?;
        }
        Ok(())
    }
}

fn invalid() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a Docker configuration")
}

/// Atomically replaces a file that only its owner may read.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().filter(|path| !path.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(directory)?.sync_all()
}

fn failed(
    host: &str,
    origin: &str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> CredentialError {
    CredentialError {
        registry: host.to_owned(),
        origin: origin.to_owned(),
        unreachable: false,
        source: Box::new(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Credentials;

    fn basic(username: &str, password: &str) -> Credentials {
        let (username, password) = (username.to_owned(), Secret::new(password));
        Credentials::Basic { username, password }
    }

    #[test]
    fn storing_credentials_preserves_the_rest_of_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/config.json");
        let read = || DockerConfig::read(path.clone()).unwrap();
        let kept = read().store("r.example:5000", "u", &Secret::new("p:w"));
        assert_eq!(kept.unwrap(), Kept::File(path.clone()));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        let text = r#"{"auths": {"other.example": {"auth": "eDp5"}}, "detachKeys": "ctrl-e"}"#;
        fs::write(&path, text).unwrap();
        read().store("docker.io", "u", &Secret::new("p")).unwrap();
        assert_eq!(read().credentials("docker.io").unwrap(), basic("u", "p"));
        let others = read().credentials("other.example").unwrap();
        assert_eq!(others, basic("x", "y"));
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"detachKeys\": \"ctrl-e\""), "{text}");
        assert!(text.contains("https://index.docker.io/v1/"), "{text}");
        assert_eq!(mode(&path), 0o600);

        assert_eq!(
            read().erase("docker.io").unwrap(),
            [Kept::File(path.clone())]
        );
        assert_eq!(read().erase("docker.io").unwrap(), []);
        let gone = read().credentials("docker.io").unwrap();
        assert_eq!(gone, Credentials::Anonymous);
        assert_eq!(
            read().credentials("other.example").unwrap(),
            basic("x", "y")
        );
    }

    #[test]
    fn a_symbolic_link_to_the_file_is_preserved() {
        let directory = tempfile::tempdir().unwrap();
        let (target, link) = (
            directory.path().join("t.json"),
            directory.path().join("l.json"),
        );
        fs::write(&target, "{}").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let config = DockerConfig::read(link.clone()).unwrap();
        config.store("r.example", "u", &Secret::new("p")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::read_to_string(&target).unwrap().contains("r.example"));
    }
}
