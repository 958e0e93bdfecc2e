//! The process's edge: command line, environment, signals, exit status.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::server::{self, Bound};
use crate::settings::{Settings, table};

/// A setting or the command line is wrong; nothing was tried.
const USAGE: u8 = 2;

/// Runs the program and returns its exit status: 0 ok, 1 failed, 2 usage or configuration.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        None => serve(),
        Some("--help" | "-h") => say(&help()),
        Some("--version" | "-V") => say(concat!("rust-k8s-app ", env!("CARGO_PKG_VERSION"), "\n")),
        Some(other) => fail(
            USAGE,
            &format!("`{other}` is no command; --help lists them"),
        ),
    }
}

fn help() -> String {
    format!(
        "The sample service: says hello, and never loses a request.\n\n\
         Usage: rust-k8s-app [--help|--version]\n\n\
         Settings (environment):\n{}",
        table::help()
    )
}

fn serve() -> ExitCode {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let settings = match Settings::from_env(variables, &host_name()) {
        Ok(settings) => settings,
        Err(error) => return fail(USAGE, &error.to_string()),
    };
    crate::logs::start(&settings);
    let outcome = actix_web::rt::System::new().block_on(async {
        let bound = Bound::bind(&settings)?;
        if let Ok((public, admin)) = bound.addresses() {
            tracing::info!(%public, %admin, "listening");
        }
        server::run(settings, bound, terminated()).await
    });
    match outcome {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            let cause = error
                .source()
                .map(|cause| format!("\n  Caused by: {cause}"));
            fail(1, &format!("{error}{}", cause.unwrap_or_default()))
        }
    }
}

/// Resolves at SIGTERM or SIGINT.
async fn terminated() {
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "localhost".to_owned(), |name| name.trim().to_owned())
}

fn say(text: &str) -> ExitCode {
    // A closed pipe is a reader that has seen enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn fail(code: u8, message: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: {message}");
    ExitCode::from(code)
}
