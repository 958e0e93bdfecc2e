//! What `docker login` left: `config.json`, and the credential helpers it names.
//!
//! [docker/cli's format](https://github.com/docker/cli/blob/v28.5.2/cli/config/configfile/file.go),
//! [the helpers' protocol](https://github.com/docker/docker-credential-helpers#development).

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::credentials::{CredentialError, Credentials, Keychain, Secret};

/// The user name by which a helper says that the secret is an identity token.
const TOKEN_USERNAME: &str = "<token>";

/// Docker Hub's key in the file, and the hosts it stands for.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";
const DOCKER_HUB_HOSTS: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// A `config.json`; the default knows no registry.
#[derive(Debug, Default)]
pub struct DockerConfig {
    path: PathBuf,
    file: File,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct File {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<Hidden>,
    username: Option<String>,
    password: Option<Hidden>,
    identitytoken: Option<Hidden>,
}

/// A secret in a file: it must not be in the `Debug` of the file either.
#[derive(Deserialize)]
#[serde(transparent)]
struct Hidden(String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What a helper prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helped {
    username: String,
    secret: Hidden,
}

#[derive(Debug, thiserror::Error)]
enum ConfigError {
    #[error("its entry `auth` is not base64 of NAME:PASSWORD")]
    Auth,
    #[error("cannot run it")]
    Run(#[source] io::Error),
    #[error("it failed ({status}){}", message(.text))]
    Failed {
        status: std::process::ExitStatus,
        text: String,
    },
    #[error("its answer is not the JSON it should be")]
    Answer,
}

fn message(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}

impl DockerConfig {
    /// Reads `config.json` of `directory`; one that does not exist knows no registry.
    ///
    /// # Errors
    /// When it cannot be read, or is not JSON.
    pub fn read(directory: &Path) -> io::Result<Self> {
        let path = directory.join("config.json");
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
        let hub = DOCKER_HUB_HOSTS
            .contains(&host)
            .then(|| self.file.auths.get(DOCKER_HUB));
        hub.flatten()
            .or_else(|| self.file.auths.get(host))
            .or_else(|| {
                self.file
                    .auths
                    .iter()
                    .find(|(key, _)| bare(key) == host)
                    .map(|(_, entry)| entry)
            })
    }

    fn helper(&self, host: &str) -> Option<&str> {
        let named = self
            .file
            .cred_helpers
            .get(host)
            .or(self.file.creds_store.as_ref())?;
        (!named.is_empty()).then_some(named)
    }
}

impl Keychain for DockerConfig {
    fn credentials(&self, host: &str) -> Result<Credentials, CredentialError> {
        if let Some(helper) = self.helper(host) {
            let program = format!("docker-credential-{helper}");
            let found = ask(&program, host).map_err(|source| CredentialError {
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
}

fn stored(entry: &Entry) -> Result<Credentials, ConfigError> {
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
    let (username, password) = pair.ok_or(ConfigError::Auth)?;
    Ok(Credentials::Basic {
        username: username.to_owned(),
        // Docker pads some with a NUL.
        password: Secret::new(password.trim_end_matches('\0')),
    })
}

/// Asks a helper; `None` when it does not know the registry.
fn ask(program: &str, host: &str) -> Result<Option<Credentials>, ConfigError> {
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(ConfigError::Run)?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read its input fails below by what it answers.
        let _ = stdin.write_all(format!("{host}\n").as_bytes());
    }
    let output = child.wait_with_output().map_err(ConfigError::Run)?;
    if !output.status.success() {
        // By the protocol the message is on stdout.
        let text = String::from_utf8_lossy(&output.stdout);
        if text.contains("credentials not found") {
            return Ok(None);
        }
        let text: String = text
            .trim()
            .chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect();
        return Err(ConfigError::Failed {
            status: output.status,
            text,
        });
    }
    let helped: Helped = serde_json::from_slice(&output.stdout).map_err(|_| ConfigError::Answer)?;
    let secret = Secret::new(helped.secret.0);
    Ok(Some(if helped.username == TOKEN_USERNAME {
        Credentials::IdentityToken(secret)
    } else {
        Credentials::Basic {
            username: helped.username,
            password: secret,
        }
    }))
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
    fn a_helper_that_is_not_there_is_named() {
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
    fn a_file_that_is_no_json_is_an_error_without_its_content() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("config.json"), "{\"auths\": hunter2").unwrap();
        let error = DockerConfig::read(directory.path())
            .unwrap_err()
            .to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(DockerConfig::read(&directory.path().join("none")).is_ok());
    }
}
