//! Runs kubectl, always with an explicit context.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use cli::{Exit, ExitError};
use serde_json::{Value, json};
use thiserror::Error;

/// The owner of the applied fields in `metadata.managedFields`.
const FIELD_MANAGER: &str = "ship";

/// kubectl, bound to a context.
#[derive(Clone, Debug)]
pub struct Kubectl {
    context: String,
}

/// Why a kubectl command failed.
#[derive(Debug, Error)]
pub enum KubectlError {
    /// It could not be started.
    #[error("cannot run kubectl")]
    Start(#[source] std::io::Error),
    /// It exited with an error.
    #[error("kubectl {command}: {message}")]
    Failed {
        /// Its arguments.
        command: String,
        /// What it printed on stderr.
        message: String,
    },
    /// Its output is not the JSON that was requested.
    #[error("kubectl {command} did not print JSON")]
    Json {
        /// Its arguments.
        command: String,
        /// The parser's error.
        source: serde_json::Error,
    },
    /// No context was named.
    #[error("no context is given, and guessing one could change the wrong cluster")]
    NoContext {
        /// The contexts of the kubeconfig.
        known: Vec<String>,
    },
    /// The kubeconfig has no such context.
    #[error("the kubeconfig has no context `{context}`")]
    UnknownContext {
        /// The requested context.
        context: String,
        /// The contexts of the kubeconfig.
        known: Vec<String>,
    },
}

/// The reason for a failure, from kubectl's message on stderr: its exit code is always 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Unreachable,
    Unauthenticated,
    Forbidden,
    NotFound,
    Other,
}

impl Refusal {
    fn of(message: &str) -> Self {
        let any = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
        if any(&["Unable to connect to the server", "was refused - did you"]) {
            Self::Unreachable
        } else if any(&[
            "Unauthorized",
            "must be logged in to the server",
            "asked for the client to provide credentials",
            "getting credentials",
        ]) {
            Self::Unauthenticated
        } else if any(&["(Forbidden)"]) {
            Self::Forbidden
        } else if any(&["(NotFound)", "doesn't have a resource type"]) {
            Self::NotFound
        } else {
            Self::Other
        }
    }
}

impl KubectlError {
    fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Failed { message, .. } => Some(Refusal::of(message)),
            Self::Start(_)
            | Self::Json { .. }
            | Self::NoContext { .. }
            | Self::UnknownContext { .. } => None,
        }
    }

    /// Whether the object, or its kind, does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        self.refusal() == Some(Refusal::NotFound)
    }

    /// Whether the user may not read or change the object.
    pub(crate) fn is_forbidden(&self) -> bool {
        self.refusal() == Some(Refusal::Forbidden)
    }
}

impl ExitError for KubectlError {
    fn exit(&self) -> Exit {
        match self {
            Self::Start(_) | Self::NoContext { .. } | Self::UnknownContext { .. } => Exit::Usage,
            Self::Json { .. } => Exit::Failed,
            Self::Failed { message, .. } => match Refusal::of(message) {
                Refusal::Unreachable => Exit::Unreachable,
                Refusal::Unauthenticated | Refusal::Forbidden => Exit::Authentication,
                Refusal::NotFound | Refusal::Other => Exit::Failed,
            },
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Start(_) => {
                Some("install kubectl: https://kubernetes.io/docs/tasks/tools".to_owned())
            }
            Self::NoContext { known } | Self::UnknownContext { known, .. } => {
                Some(if known.is_empty() {
                    "the kubeconfig has no context; `make kubeconfig CLUSTER= REGION=` adds one"
                        .to_owned()
                } else {
                    format!("--context (CONTEXT=) is one of: {}", known.join(", "))
                })
            }
            Self::Json { .. } => None,
            Self::Failed { message, .. } => match Refusal::of(message) {
                Refusal::Unreachable => {
                    Some("is the cluster running, and the kubeconfig current?".to_owned())
                }
                Refusal::Unauthenticated => Some(
                    "`aws sts get-caller-identity` shows which identity is used; docs/eks.md \
                     has the access entry that it needs"
                        .to_owned(),
                ),
                Refusal::Forbidden => {
                    Some("`kubectl auth can-i --list` shows what this user may do".to_owned())
                }
                Refusal::NotFound | Refusal::Other => None,
            },
        }
    }
}

impl Kubectl {
    /// kubectl with a context of the kubeconfig.
    ///
    /// # Errors
    /// When no context is given, or the kubeconfig does not have it.
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

    /// Runs a command and returns its output.
    ///
    /// # Errors
    /// When it cannot be started, or fails.
    pub fn run(&self, args: &[&str]) -> Result<String, KubectlError> {
        output(&mut self.command(args))
    }

    /// Runs a command and returns its output as JSON.
    ///
    /// # Errors
    /// As [`Kubectl::run`], and when its output is not JSON.
    pub fn json(&self, args: &[&str]) -> Result<Value, KubectlError> {
        let text = self.run(&[args, &["-o", "json"]].concat())?;
        serde_json::from_str(&text).map_err(|source| KubectlError::Json {
            command: args.join(" "),
            source,
        })
    }

    /// Runs a command and returns its output as JSON, or `Null` if the object or its kind does not exist.
    ///
    /// # Errors
    /// As [`Kubectl::json`].
    pub(crate) fn find(&self, args: &[&str]) -> Result<Value, KubectlError> {
        match self.json(args) {
            Err(error) if error.is_not_found() => Ok(Value::Null),
            result => result,
        }
    }

    /// Runs a command whose output goes straight to this process's stdout.
    ///
    /// # Errors
    /// As [`Kubectl::run`].
    pub(crate) fn pass_through(&self, args: &[&str]) -> Result<(), KubectlError> {
        let mut command = self.command(args);
        command.stdin(Stdio::null()).stdout(Stdio::inherit());
        let output = command.stderr(Stdio::piped()).output();
        finish(args, &output.map_err(KubectlError::Start)?).map(|_| ())
    }

    /// The API server's response at a path, such as `/apis`; `Null` if it is not JSON.
    pub(crate) fn raw(&self, path: &str) -> Result<Value, KubectlError> {
        let answer = self.run(&["get", "--raw", path])?;
        Ok(serde_json::from_str(&answer).unwrap_or_default())
    }

    /// Applies manifests, and takes ownership of every field in them.
    ///
    /// # Errors
    /// As [`Kubectl::run`].
    pub fn apply(&self, manifests: &str, extra: &[&str]) -> Result<String, KubectlError> {
        // Server-side, so that others keep their fields, such as the autoscaler's replicas. Forced, since
        // a rollback or a manual `kubectl scale` takes over fields.
        let manager = format!("--field-manager={FIELD_MANAGER}");
        let base = ["apply", "--server-side", "--force-conflicts", &manager];
        let args = [&base[..], &["-f", "-"], extra].concat();
        finish(&args, &self.feed(&args, manifests)?)
    }

    /// Applies objects, as [`Kubectl::apply`].
    pub(crate) fn apply_objects(
        &self,
        objects: &[Value],
        extra: &[&str],
    ) -> Result<String, KubectlError> {
        self.apply(&list(objects), extra)
    }

    /// Deletes objects, ignoring missing ones, and waits until they are gone.
    pub(crate) fn delete_objects(&self, objects: &[Value]) -> Result<String, KubectlError> {
        let args = ["delete", "--ignore-not-found", "--timeout=10m", "-f", "-"];
        finish(&args, &self.feed(&args, &list(objects))?)
    }

    /// How the cluster's objects would change; empty if they would not.
    pub(crate) fn diff(&self, objects: &[Value]) -> Result<String, KubectlError> {
        let manager = format!("--field-manager={FIELD_MANAGER}");
        let args = ["diff", "--server-side", "--force-conflicts", &manager];
        let args = [&args[..], &["-f", "-"]].concat();
        let output = self.feed(&args, &list(objects))?;
        // 1 means differences, and more than 1 an error.
        if output.status.code() == Some(1) && output.stderr.is_empty() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        finish(&args, &output)
    }

    fn feed(&self, args: &[&str], input: &str) -> Result<Output, KubectlError> {
        let mut command = self.command(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(KubectlError::Start)?;
        // kubectl reads all of its input before it writes more than a pipe holds. If it exits early, it
        // prints its own error.
        let _ = child
            .stdin
            .take()
            .expect("stdin is a pipe, as set above")
            .write_all(input.as_bytes());
        child.wait_with_output().map_err(KubectlError::Start)
    }
}

/// The items of a list of the API server; none if it is not a list.
pub(crate) fn items(list: &Value) -> impl Iterator<Item = &Value> + Clone {
    list.as_array().into_iter().flatten()
}

/// The objects of a kind.
pub(crate) fn of_kind<'a>(objects: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["kind"] == kind)
}

/// What was read; `None` if the user may not read it.
pub(crate) fn readable(result: Result<Value, KubectlError>) -> Result<Option<Value>, KubectlError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) => Err(error),
    }
}

/// A string of an object; empty if it is not a string.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(objects: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string()
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
