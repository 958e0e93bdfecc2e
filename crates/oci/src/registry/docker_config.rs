//! The files of `docker login` and `podman login`: `config.json` and `auth.json`.
//!
//! [docker/cli's format](https://github.com/docker/cli/blob/v28.5.2/cli/config/configfile/file.go).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::access::Access;
use super::credential_helper::{HELPER_TIMEOUT, Hidden, ask};
use super::credentials::{CredentialError, Credentials, Keychain, Secret};
use crate::descriptor::null_is_empty;

/// Docker Hub's name in the file and for helpers, and the hosts that it stands for.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";
const DOCKER_HUB_HOSTS: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// A `config.json`; the default is empty.
#[derive(Debug, Default)]
pub struct DockerConfig {
    path: PathBuf,
    file: File,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct File {
    #[serde(deserialize_with = "null_is_empty")]
    auths: BTreeMap<String, Option<Entry>>,
    #[serde(deserialize_with = "null_is_empty")]
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("its entry `auth` is not base64 of NAME:PASSWORD")]
struct AuthError;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<Hidden>,
    username: Option<String>,
    password: Option<Hidden>,
    identitytoken: Option<Hidden>,
}

impl DockerConfig {
    /// Reads a file such as Docker's `config.json` or podman's `auth.json`; a missing file counts as
    /// empty.
    ///
    /// # Errors
    /// If it cannot be read, or is not JSON.
    pub fn read(path: PathBuf) -> io::Result<Self> {
        let file = match fs::read(&path) {
            // The parser's message could quote a secret.
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                let (line, column) = (error.line(), error.column());
                let what = format!("not a Docker configuration (line {line}, column {column})");
                io::Error::new(io::ErrorKind::InvalidData, what)
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => File::default(),
            Err(error) => return Err(error),
        };
        Ok(Self { path, file })
    }

    fn entry(&self, host: &str) -> Option<&Entry> {
        let bare = |key: &str| {
            let key = key
                .trim_start_matches("https://")
                .trim_start_matches("http://");
            key.split('/').next().unwrap_or_default().to_owned()
        };
        let auths = &self.file.auths;
        let exact = names(host).find_map(|name| auths.get(name));
        let found = exact.or_else(|| {
            let names = |key: &String| names(host).any(|name| bare(key) == name);
            auths
                .iter()
                .find(|(key, _)| names(key))
                .map(|(_, entry)| entry)
        });
        found?.as_ref()
    }

    /// The credentials that are stored for the registry at `host`, for any access.
    ///
    /// # Errors
    /// If the registry's entry is invalid, or its credential helper fails.
    pub fn credentials(&self, host: &str) -> Result<Credentials, CredentialError> {
        if let Some(helper) = self.helper(host) {
            let program = format!("docker-credential-{helper}");
            let found =
                ask(&program, server(host), HELPER_TIMEOUT).map_err(|source| CredentialError {
                    registry: host.to_owned(),
                    origin: format!("`{program}`"),
                    unreachable: false,
                    source: Box::new(source),
                })?;
            if let Some(credentials) = found {
                return Ok(credentials);
            }
        }
        let Some(entry) = self.entry(host) else {
            return Ok(Credentials::Anonymous);
        };
        stored(entry).map_err(|source| CredentialError {
            registry: host.to_owned(),
            origin: format!("`{}`", self.path.display()),
            unreachable: false,
            source: Box::new(source),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The helper that has the credentials of a registry, without the prefix `docker-credential-`.
    pub(super) fn helper(&self, host: &str) -> Option<&str> {
        let named = names(host)
            .find_map(|name| self.file.cred_helpers.get(name))
            .or(self.file.creds_store.as_ref())?;
        (!named.is_empty()).then_some(named)
    }
}

impl Keychain for DockerConfig {
    fn credentials(&self, host: &str, _: Access) -> Result<Credentials, CredentialError> {
        self.credentials(host)
    }
}

fn stored(entry: &Entry) -> Result<Credentials, AuthError> {
    let text = |hidden: &Option<Hidden>| {
        hidden
            .as_ref()
            .map(|hidden| hidden.0.clone())
            .filter(|text| !text.is_empty())
    };
    if let Some(token) = text(&entry.identitytoken) {
        return Ok(Credentials::IdentityToken(Secret::new(token)));
    }
    if let (Some(username), Some(password)) = (&entry.username, text(&entry.password)) {
        let (username, password) = (username.clone(), Secret::new(password));
        return Ok(Credentials::Basic { username, password });
    }
    let Some(auth) = text(&entry.auth) else {
        return Ok(Credentials::Anonymous);
    };
    let decoded = STANDARD
        .decode(auth.trim())
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = decoded.as_deref().and_then(|text| text.split_once(':'));
    let (username, password) = pair.ok_or(AuthError)?;
    Ok(Credentials::Basic {
        username: username.to_owned(),
        // Docker pads some with a NUL.
        password: Secret::new(password.trim_end_matches('\0')),
    })
}

/// The names that a registry's entry may have: Docker Hub has several.
pub(super) fn names(host: &str) -> impl Iterator<Item = &str> {
    let hub = DOCKER_HUB_HOSTS.contains(&host);
    let others = hub.then_some(DOCKER_HUB_HOSTS).into_iter().flatten();
    hub.then_some(DOCKER_HUB)
        .into_iter()
        .chain([host])
        .chain(others)
}

/// The name under which `docker login` stores a registry's credentials.
pub(super) fn server(host: &str) -> &str {
    if DOCKER_HUB_HOSTS.contains(&host) {
        DOCKER_HUB
    } else {
        host
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: &str) -> DockerConfig {
        DockerConfig {
            path: "config.json".into(),
            file: serde_json::from_str(json).unwrap(),
        }
    }

    fn basic(username: &str, password: &str) -> Credentials {
        let (username, password) = (username.to_owned(), Secret::new(password));
        Credentials::Basic { username, password }
    }

    #[test]
    fn entries_are_found_by_host() {
        let config = config(
            r#"{"auths": {
                "r.example:5000": {"auth": "bmFtZTpwYXNzOndvcmQ="},
                "https://old.example/v1/": {"username": "u", "password": "p"},
                "https://index.docker.io/v1/": {"identitytoken": "t"},
                "empty.example": {},
                "bad.example": {"auth": "!"}
            }}"#,
        );
        let check = |host: &str, expected: Credentials| {
            assert_eq!(config.credentials(host).unwrap(), expected, "{host}");
        };
        check("r.example:5000", basic("name", "pass:word"));
        check("old.example", basic("u", "p"));
        check("docker.io", Credentials::IdentityToken(Secret::new("t")));
        check("empty.example", Credentials::Anonymous);
        check("r.example", Credentials::Anonymous);
        assert!(config.credentials("bad.example").is_err());
        assert!(!format!("{config:?}").contains("bmFtZ"), "{config:?}");
    }

    #[test]
    fn docker_hub_has_several_names() {
        for key in [
            "https://index.docker.io/v1/",
            "docker.io",
            "index.docker.io",
            "https://registry-1.docker.io",
        ] {
            let config = config(&format!(
                r#"{{"auths": {{"{key}": {{"identitytoken": "t"}}}}}}"#
            ));
            let token = Credentials::IdentityToken(Secret::new("t"));
            assert_eq!(config.credentials("docker.io").unwrap(), token, "{key}");
        }
        let config = config(r#"{"credHelpers": {"https://index.docker.io/v1/": "x"}}"#);
        assert_eq!(config.helper("docker.io"), Some("x"));
        assert_eq!(server("docker.io"), "https://index.docker.io/v1/");
        assert_eq!(server("r.example"), "r.example");
    }

    #[test]
    fn null_counts_as_absent() {
        let config = config(r#"{"auths": null, "credHelpers": null, "credsStore": null}"#);
        assert_eq!(
            config.credentials("r.example").unwrap(),
            Credentials::Anonymous
        );
        let config = self::config(r#"{"auths": {"r.example": null}}"#);
        assert_eq!(
            config.credentials("r.example").unwrap(),
            Credentials::Anonymous
        );
    }

    #[test]
    fn a_missing_helper_is_named_in_the_error() {
        let config = config(r#"{"credHelpers": {"r.example": "no-such-helper"}}"#);
        let error = config.credentials("r.example").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot get credentials for r.example from `docker-credential-no-such-helper`"
        );
        assert_eq!(
            config.credentials("x.example").unwrap(),
            Credentials::Anonymous
        );
    }

    #[test]
    fn a_file_that_is_not_json_is_an_error_without_its_content() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        fs::write(&path, "{\"auths\": hunter2").unwrap();
        let error = DockerConfig::read(path).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(DockerConfig::read(directory.path().join("none")).is_ok());
    }
}
