//! The process boundary: command line, environment, signals, exit status.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::build_info;
use crate::lifecycle::DrainResult;
use crate::probe;
use crate::server::{self, Bound, ServeError};
use crate::settings::{Settings, table};
use crate::url::HttpUrl;

/// An operation failed, or the drain cut requests.
const FAILED: u8 = 1;
/// A setting or the command line is invalid; nothing was started.
const USAGE: u8 = 2;

const USAGE_TEXT: &str = "\
Usage: rust-k8s-app                serve
       rust-k8s-app probe URL      send one GET; fails unless the status is 200 to 399
       rust-k8s-app check          validate the settings without serving
       rust-k8s-app --help
       rust-k8s-app --version
";

const EXIT_TEXT: &str = "\
Exit status: 0 every request was answered, or the probe succeeded
             1 a failure, or the drain deadline cut requests
             2 invalid command line or settings; no port was bound
";

/// Runs the program and returns its exit status.
pub fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => settings().map_or_else(|code| code, serve),
        ["check"] => settings().map_or_else(|code| code, |settings| print(&checked(&settings))),
        ["probe", url] => ask(url),
        ["--help" | "-h" | "help"] => print(&help()),
        ["--version" | "-V"] => print(&format!(
            "rust-k8s-app {} ({})\n",
            build_info::VERSION,
            build_info::REVISION
        )),
        [
            "check" | "--help" | "-h" | "help" | "--version" | "-V",
            other,
            ..,
        ] => fail(USAGE, &format!("unexpected argument `{other}`")),
        ["probe", ..] => fail(
            USAGE,
            "probe needs one URL, such as http://127.0.0.1:5000/healthz",
        ),
        [other, ..] => fail(
            USAGE,
            &format!("unknown command `{other}`; --help lists the commands"),
        ),
    }
}

fn help() -> String {
    format!(
        "The sample service: answers with a greeting, and never loses a request behind a load\n\
         balancer.\n\n\
         {USAGE_TEXT}\nSettings, from the environment. A duration is 150s, 250ms, 2m or 1h; a size \
         is 16384, 16KiB or 1MiB.\n{}\n{EXIT_TEXT}",
        table::help()
    )
}

fn checked(settings: &Settings) -> String {
    format!("the settings are valid; digest {}\n", settings.digest)
}

fn ask(url: &str) -> ExitCode {
    match url.parse::<HttpUrl>() {
        Err(error) => fail(USAGE, &error.to_string()),
        Ok(url) => match probe::probe(&url) {
            Ok(body) => print(&body),
            Err(error) => fail(FAILED, &chain(&error)),
        },
    }
}

/// Reads the settings, or reports all problems with them.
fn settings() -> Result<Settings, ExitCode> {
    let variables = std::env::vars_os().filter_map(|(name, value)| {
        // A value that is not UTF-8 becomes one that no setting accepts, and so is reported.
        Some((
            name.into_string().ok()?,
            value.to_string_lossy().into_owned(),
        ))
    });
    Settings::from_env(variables, &host_name()).map_err(|error| {
        fail(
            USAGE,
            &format!("{error}\nhint: --help explains each setting"),
        )
    })
}

fn serve(settings: Settings) -> ExitCode {
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Start)
        .and_then(|runtime| {
            runtime.block_on(async {
                let signals = Signals::listen().map_err(ServeError::Start)?;
                let bound = Bound::bind(&settings)?;
                let (sender, received) = watch::channel(Received::default());
                tokio::spawn(signals.receive(sender));
                let (mut first, mut second) = (received.clone(), received);
                let shutdown = async { drop(first.wait_for(|received| received.stop).await) };
                let hurry = async { drop(second.wait_for(|received| received.hurry).await) };
                server::run(settings, bound, shutdown, hurry).await
            })
        });
    match outcome {
        Ok(DrainResult::Complete) => ExitCode::SUCCESS,
        // Logged already, with the number.
        Ok(DrainResult::Cut(_)) => ExitCode::from(FAILED),
        Err(error) => fail(FAILED, &chain(&error)),
    }
}

/// SIGTERM, which Kubernetes sends, and SIGINT, which a terminal sends.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Records each of them. A second SIGTERM changes nothing: a kubelet that was restarted sends one, and
    /// the load balancer still needs the rest of the delay. SIGINT comes from a user.
    async fn receive(mut self, received: watch::Sender<Received>) {
        loop {
            let interrupted = tokio::select! {
                _ = self.terminate.recv() => false,
                _ = self.interrupt.recv() => true,
            };
            received.send_modify(|received| {
                received.hurry |= received.stop && interrupted;
                received.stop = true;
            });
        }
    }
}

/// The signals so far.
#[derive(Clone, Copy, Debug, Default)]
struct Received {
    /// To stop.
    stop: bool,
    /// To stop without the rest of the drain's delay.
    hurry: bool,
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "localhost".to_owned(), |name| name.trim().to_owned())
}

fn print(text: &str) -> ExitCode {
    // The reader may have closed the pipe, as `head` does.
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn fail(code: u8, message: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "error: {message}");
    ExitCode::from(code)
}

/// An error and its causes, one a line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}\n  Caused by: {cause}");
        next = cause.source();
    }
    text
}
