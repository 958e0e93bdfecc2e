//! What `docker login` left: `config.json`, and the credential helpers it names.
//!
//! [docker/cli's format](https://github.com/docker/cli/blob/v28.5.2/cli/config/configfile/file.go),
//! [the helpers' protocol](https://github.com/docker/docker-credential-helpers#development).

use std::collections::BTreeMap;
use std::io::{Read, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::credentials::{CredentialError, Credentials, Keychain, Secret};
use crate::descriptor::null_is_empty;

/// The user name by which a helper says that the secret is an identity token.
const TOKEN_USERNAME: &str = "<token>";

/// Docker Hub's name in the file and to helpers, and the hosts it stands for.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";
const DOCKER_HUB_HOSTS: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// How long a helper may take: one that asks a cloud's token service takes seconds.
const HELPER_TIMEOUT: Duration = Duration::from_mins(1);

/// The most of a helper's output that is read.
const HELPER_BYTES: u64 = 1 << 20;

/// A `config.json`; the default knows no registry.
#[derive(Debug)]
pub struct DockerConfig {
    path: PathBuf,
    file: File,
    helper_timeout: Duration,
}

impl Default for DockerConfig {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            file: File::default(),
            helper_timeout: HELPER_TIMEOUT,
        }
    }
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
    Failed { status: ExitStatus, text: String },
    #[error("it did not answer within {} s{}", timeout.as_secs_f64(), message(.text))]
    Timeout { timeout: Duration, text: String },
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
    /// Reads a file such as Docker's `config.json` or podman's `auth.json`; one that does not exist
    /// knows no registry.
    ///
    /// # Errors
    /// When it cannot be read, or is not JSON.
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
        Ok(Self {
            path,
            file,
            helper_timeout: HELPER_TIMEOUT,
        })
    }

    /// Sets how long a credential helper may take, in place of a minute.
    #[must_use]
    pub fn with_helper_timeout(mut self, timeout: Duration) -> Self {
        self.helper_timeout = timeout;
        self
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

    fn helper(&self, host: &str) -> Option<&str> {
        let named = names(host)
            .find_map(|name| self.file.cred_helpers.get(name))
            .or(self.file.creds_store.as_ref())?;
        (!named.is_empty()).then_some(named)
    }
}

impl Keychain for DockerConfig {
    fn credentials(&self, host: &str) -> Result<Credentials, CredentialError> {
        if let Some(helper) = self.helper(host) {
            let program = format!("docker-credential-{helper}");
            let found = ask(&program, server(host), self.helper_timeout).map_err(|source| {
                CredentialError {
                    registry: host.to_owned(),
                    origin: format!("`{program}`"),
                    unreachable: false,
                    source: Box::new(source),
                }
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

/// The names that a registry's entry may have: Docker Hub has several.
fn names(host: &str) -> impl Iterator<Item = &str> {
    let hub = DOCKER_HUB_HOSTS.contains(&host);
    let others = hub.then_some(DOCKER_HUB_HOSTS).into_iter().flatten();
    hub.then_some(DOCKER_HUB)
        .into_iter()
        .chain([host])
        .chain(others)
}

/// The name under which `docker login` stores a registry's credentials with a helper.
fn server(host: &str) -> &str {
    if DOCKER_HUB_HOSTS.contains(&host) {
        DOCKER_HUB
    } else {
        host
    }
}

/// Runs a helper; `None` when it does not know the registry.
fn ask(program: &str, server: &str, timeout: Duration) -> Result<Option<Credentials>, ConfigError> {
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(ConfigError::Run)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read its input fails below by its answer.
        let _ = stdin.write_all(format!("{server}\n").as_bytes());
    }
    let deadline = Instant::now() + timeout;
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let answer = stdout.recv_timeout(timeout);
    let status = match answer {
        Ok(_) => wait(&mut child, deadline).map_err(ConfigError::Run)?,
        Err(_) => None,
    };
    let (Ok(answer), Some(status)) = (answer, status) else {
        let _ = child.kill();
        let _ = child.wait();
        // A child of the helper may hold the pipe open still.
        let text = stderr.recv_timeout(Duration::from_millis(100));
        let text = printable(&text.unwrap_or_default());
        return Err(ConfigError::Timeout { timeout, text });
    };
    if !status.success() {
        // The protocol has the message on stdout; a script's own error is on stderr.
        let message = String::from_utf8_lossy(&answer);
        if message.contains("credentials not found") {
            return Ok(None);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let said = stderr.recv_timeout(left.min(Duration::from_secs(1)));
        let texts = [printable(&answer), printable(&said.unwrap_or_default())];
        let texts: Vec<_> = texts.into_iter().filter(|text| !text.is_empty()).collect();
        let text = texts.join(": ");
        return Err(ConfigError::Failed { status, text });
    }
    let helped: Helped = serde_json::from_slice(&answer).map_err(|_| ConfigError::Answer)?;
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

/// Reads a pipe to its end in a thread, which ends with the pipe: it may outlive a helper that left
/// a child.
fn collect(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            let _ = pipe.take(HELPER_BYTES).read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    receiver
}

/// Waits for a process that has closed its output; `None` when it does not exit in time.
fn wait(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        match child.try_wait()? {
            None if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
            status => return Ok(status),
        }
    }
}

/// The start of what a process wrote, in one line.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let words: Vec<_> = text.split_whitespace().collect();
    let text: String = words
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    text.chars().take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: &str) -> DockerConfig {
        DockerConfig {
            path: "config.json".into(),
            file: serde_json::from_str(json).unwrap(),
            ..DockerConfig::default()
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
    fn null_is_as_good_as_absent() {
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

    /// A helper that is this script.
    fn helper(script: &str) -> (tempfile::TempDir, String) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("helper");
        // Written by another process: while this one has it open for writing, a process that
        // another test starts at that moment would keep it from being run.
        let write = format!("printf '%s' '#!/bin/sh\n{script}' >\"$0\"; chmod +x \"$0\"");
        let status = Command::new("sh").arg("-c").arg(write).arg(&path).status();
        assert!(status.unwrap().success());
        let path = path.display().to_string();
        (directory, path)
    }

    #[test]
    fn a_helper_gets_the_server_and_its_errors_are_shown() {
        let minute = Duration::from_mins(1);
        let (_kept, program) =
            helper("read s; echo \"{\\\"Username\\\":\\\"u\\\",\\\"Secret\\\":\\\"$s\\\"}\"");
        assert_eq!(
            ask(&program, "r.example", minute).unwrap(),
            Some(basic("u", "r.example"))
        );
        let (_kept, program) = helper("echo the vault is locked >&2; exit 3");
        let error = ask(&program, "r.example", minute).unwrap_err().to_string();
        assert_eq!(error, "it failed (exit status: 3): the vault is locked");
    }

    #[test]
    fn a_helper_that_hangs_is_killed() {
        let (_kept, program) = helper("exec sleep 600");
        let error = ask(&program, "r.example", Duration::from_millis(100)).unwrap_err();
        assert_eq!(error.to_string(), "it did not answer within 0.1 s");
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
        let path = directory.path().join("config.json");
        fs::write(&path, "{\"auths\": hunter2").unwrap();
        let error = DockerConfig::read(path).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(DockerConfig::read(directory.path().join("none")).is_ok());
    }
}
