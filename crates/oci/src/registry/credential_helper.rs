//! Credential helpers: programs that store credentials outside of a configuration file.
//!
//! [Their protocol](https://github.com/docker/docker-credential-helpers#development).

use std::io::{self, Read, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::credentials::{Credentials, Secret};

/// The user name that marks the secret as an identity token.
const TOKEN_USERNAME: &str = "<token>";

/// How long a helper may take: one that calls a cloud's token service takes seconds.
pub(super) const HELPER_TIMEOUT: Duration = Duration::from_mins(1);

/// The most of a helper's output that is read.
const HELPER_BYTES: u64 = 1 << 20;

/// A secret in a file. It must not appear in the `Debug` of the file either.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Hidden(pub(super) String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The output of a helper.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helped {
    username: String,
    secret: Hidden,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum HelperError {
    #[error("cannot run it")]
    Run(#[source] io::Error),
    #[error("it failed ({status}){}", message(.text))]
    Failed { status: ExitStatus, text: String },
    #[error("it did not exit within {} s{}", timeout.as_secs_f64(), message(.text))]
    Timeout { timeout: Duration, text: String },
    #[error("its output is not the expected JSON")]
    Output,
}

fn message(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}

/// Gets credentials from a helper; `None` if it does not know the registry.
pub(super) fn ask(
    program: &str,
    server: &str,
    timeout: Duration,
) -> Result<Option<Credentials>, HelperError> {
    let Some(response) = run(program, "get", &format!("{server}\n"), timeout)? else {
        return Ok(None);
    };
    let helped: Helped = serde_json::from_slice(&response).map_err(|_| HelperError::Output)?;
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

/// Stores credentials with a helper.
pub(super) fn store(
    program: &str,
    server: &str,
    username: &str,
    password: &Secret,
    timeout: Duration,
) -> Result<(), HelperError> {
    let input = serde_json::json!({
        "ServerURL": server,
        "Username": username,
        "Secret": password.reveal(),
    });
    run(program, "store", &input.to_string(), timeout).map(|_| ())
}

/// Deletes the credentials of a registry with a helper. Returns whether it had some.
pub(super) fn erase(program: &str, server: &str, timeout: Duration) -> Result<bool, HelperError> {
    // Some helpers succeed whether they have any or not.
    if ask(program, server, timeout)?.is_none() {
        return Ok(false);
    }
    run(program, "erase", &format!("{server}\n"), timeout).map(|erased| erased.is_some())
}

/// Runs a helper and returns its output; `None` if it does not know the registry.
fn run(
    program: &str,
    action: &str,
    input: &str,
    timeout: Duration,
) -> Result<Option<Vec<u8>>, HelperError> {
    let mut child = Command::new(program)
        .arg(action)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(HelperError::Run)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read its input fails below.
        let _ = stdin.write_all(input.as_bytes());
    }
    let deadline = Instant::now() + timeout;
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let response = stdout.recv_timeout(timeout);
    let status = match response {
        Ok(_) => wait(&mut child, deadline).map_err(HelperError::Run)?,
        Err(_) => None,
    };
    let (Ok(response), Some(status)) = (response, status) else {
        let _ = child.kill();
        let _ = child.wait();
        // A child of the helper may still hold the pipe open.
        let text = stderr.recv_timeout(Duration::from_millis(100));
        let text = printable(&text.unwrap_or_default());
        return Err(HelperError::Timeout { timeout, text });
    };
    if !status.success() {
        // By the protocol the message is on stdout; an error of a script itself is on stderr.
        let message = String::from_utf8_lossy(&response);
        if message.contains("credentials not found") {
            return Ok(None);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let written = stderr.recv_timeout(left.min(Duration::from_secs(1)));
        let texts = [
            printable(&response),
            printable(&written.unwrap_or_default()),
        ];
        let texts: Vec<_> = texts.into_iter().filter(|text| !text.is_empty()).collect();
        let text = texts.join(": ");
        return Err(HelperError::Failed { status, text });
    }
    Ok(Some(response))
}

/// Reads a pipe to its end on a thread that stops with the pipe: it may outlive a helper that left a
/// child.
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

/// Waits for a process that has closed its output; `None` if it does not exit in time.
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

    fn basic(username: &str, password: &str) -> Credentials {
        let (username, password) = (username.to_owned(), Secret::new(password));
        Credentials::Basic { username, password }
    }

    /// A helper that is this script.
    fn helper(script: &str) -> (tempfile::TempDir, String) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("helper");
        test_programs::write_script(&path, &format!("#!/bin/sh\n{script}"));
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
        assert_eq!(error.to_string(), "it did not exit within 0.1 s");
    }
}
