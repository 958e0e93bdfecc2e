//! Runs kubectl on one context, and never on another.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use thiserror::Error;

/// kubectl, bound to a context.
#[derive(Clone, Debug)]
pub struct Kubectl {
    context: String,
}

/// Why a kubectl command had no result.
#[derive(Debug, Error)]
pub enum KubectlError {
    /// It could not be started.
    #[error("cannot run kubectl")]
    Start(#[source] std::io::Error),
    /// It ended with an error.
    #[error("kubectl {command}: {message}")]
    Failed {
        /// Its arguments.
        command: String,
        /// What it said.
        message: String,
    },
    /// Its output is not the JSON it was asked for.
    #[error("kubectl {command} printed something that is not JSON")]
    Json {
        /// Its arguments.
        command: String,
        /// Where reading it failed.
        source: serde_json::Error,
    },
    /// No context was named.
    #[error("no context is named, and guessing one could change the wrong cluster")]
    NoContext {
        /// Those that the kubeconfig has.
        known: Vec<String>,
    },
    /// The kubeconfig has no such context.
    #[error("the kubeconfig has no context `{context}`")]
    UnknownContext {
        /// The one asked for.
        context: String,
        /// Those that it has.
        known: Vec<String>,
    },
}

impl Kubectl {
    /// kubectl on a context that the kubeconfig has.
    ///
    /// # Errors
    /// When no context is given, or the kubeconfig has none of that name.
    pub fn on(context: Option<&str>) -> Result<Self, KubectlError> {
        let known = output(Command::new("kubectl").args(["config", "get-contexts", "-o", "name"]))?;
        let known: Vec<_> = known.lines().map(str::to_owned).collect();
        match context.filter(|context| !context.is_empty()) {
            None => Err(KubectlError::NoContext { known }),
            Some(context) if known.iter().any(|name| name == context) => Ok(Self {
                context: context.to_owned(),
            }),
            Some(context) => Err(KubectlError::UnknownContext {
                context: context.to_owned(),
                known,
            }),
        }
    }

    /// The context.
    pub fn context(&self) -> &str {
        &self.context
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command.args(["--context", &self.context]).args(args);
        command
    }

    /// What a command prints.
    ///
    /// # Errors
    /// When it cannot be started, or fails.
    pub fn run(&self, args: &[&str]) -> Result<String, KubectlError> {
        output(&mut self.command(args))
    }

    /// What a command prints as JSON.
    ///
    /// # Errors
    /// As [`Kubectl::run`], and when it prints no JSON.
    pub fn json(&self, args: &[&str]) -> Result<Value, KubectlError> {
        let text = self.run(&[args, &["-o", "json"]].concat())?;
        serde_json::from_str(&text).map_err(|source| KubectlError::Json {
            command: args.join(" "),
            source,
        })
    }

    /// Applies manifests, owning every field that they state.
    ///
    /// # Errors
    /// As [`Kubectl::run`].
    ///
    /// # Panics
    /// Never: the pipe is asked for.
    pub fn apply(&self, manifests: &str, extra: &[&str]) -> Result<String, KubectlError> {
        // Server-side, so that what others own, such as the autoscaler's replicas, stays theirs.
        // Forced, since a rollback or a `kubectl scale` by hand takes fields over.
        let base = [
            "apply",
            "--server-side",
            "--force-conflicts",
            "--field-manager=ship",
            "-f",
            "-",
        ];
        let args = [&base, extra].concat();
        let mut command = self.command(&args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(KubectlError::Start)?;
        // kubectl reads all of its input before it writes more than a pipe holds. Where it ends
        // early, its own message says why.
        let _ = child
            .stdin
            .take()
            .expect("asked for above")
            .write_all(manifests.as_bytes());
        finish(
            &args,
            &child.wait_with_output().map_err(KubectlError::Start)?,
        )
    }
}

fn output(command: &mut Command) -> Result<String, KubectlError> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(KubectlError::Start)?;
    let args: Vec<_> = command.get_args().filter_map(|arg| arg.to_str()).collect();
    finish(&args, &output)
}

fn finish(args: &[&str], output: &Output) -> Result<String, KubectlError> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let args = if args.first() == Some(&"--context") {
        &args[2..]
    } else {
        args
    };
    Err(KubectlError::Failed {
        command: args.join(" "),
        message: String::from_utf8_lossy(&output.stderr)
            .trim()
            .replace('\n', "; "),
    })
}
