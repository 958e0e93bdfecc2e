//! The command line.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use cli::{Exit, ExitError, Printer, Progress};

use crate::{app, document, registry};

/// Measures the programs beside their peers.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The checkout: results go to `bench/results`, the document to `docs`
    #[arg(long, global = true, default_value = ".", value_name = "DIR")]
    root: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure the service, write its results, and write the document
    App(AppArguments),
    /// Measure pushes to a registry, write their results, and write the document
    Registry(RegistryArguments),
    /// Write docs/benchmarks.md from the results
    Document,
}

#[derive(Debug, clap::Args)]
struct AppArguments {
    /// The service's release binary
    #[arg(long, value_name = "FILE")]
    app: PathBuf,
    /// The service's image as an OCI layout; without it the size is not measured
    #[arg(long, value_name = "DIR")]
    image: Option<PathBuf>,
    /// The image of the service with the feature `otlp`, likewise
    #[arg(long, value_name = "DIR")]
    image_with_otlp: Option<PathBuf>,
    /// A Python environment with Flask and gunicorn; without it they are not measured
    #[arg(long, value_name = "DIR")]
    venv: Option<PathBuf>,
    /// A podinfo binary; without it podinfo is not measured
    #[arg(long, env = "PODINFO_BIN", value_name = "FILE")]
    podinfo: Option<PathBuf>,
    /// Rounds of each server
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// Length of a round
    #[arg(long, default_value_t = 800, value_name = "MILLISECONDS")]
    round: u16,
    /// Connections of the load
    #[arg(long, default_value_t = 64)]
    connections: u16,
    /// Write results and document somewhere else than into the checkout
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct RegistryArguments {
    /// The release binary of imagebuilder
    #[arg(long, value_name = "FILE")]
    imagebuilder: PathBuf,
    /// crane's binary
    #[arg(long, value_name = "FILE")]
    crane: PathBuf,
    /// Rounds of each program
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// Size of the image, in MB
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=4000))]
    megabytes: u32,
    /// Write results and document somewhere else than into the checkout
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let printer = Printer::new(Progress::Plain, true);
    let outcome = run(Arguments::parse(), printer).map(|()| Exit::Ok);
    cli::finish(&printer, outcome.map_err(Failed))
}

/// A measurement that failed. Whatever the reason, the exit code is the same.
#[derive(Debug)]
struct Failed(anyhow::Error);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl ExitError for Failed {
    fn exit(&self) -> Exit {
        Exit::Failed
    }

    fn hint(&self) -> Option<String> {
        None
    }
}

fn run(arguments: Arguments, printer: Printer) -> anyhow::Result<()> {
    let root = arguments.root;
    let (results, docs) = (root.join("bench/results"), root.join("docs"));
    match arguments.command {
        Command::Document => write_document(&results, &docs, printer),
        Command::Registry(arguments) => {
            let output = arguments.output.clone();
            let (results, docs) = output.map_or((results, docs), |output| (output.clone(), output));
            let inputs = registry::Inputs {
                root,
                imagebuilder: arguments.imagebuilder,
                crane: arguments.crane,
                rounds: arguments.rounds.into(),
                image_bytes: u64::from(arguments.megabytes) * 1_000_000,
            };
            let found = registry::run(&inputs, printer)?;
            let json = serde_json::to_string_pretty(&found)? + "\n";
            write(&results.join("registry.json"), &json)?;
            write_document(&results, &docs, printer)
        }
        Command::App(app) => {
            let output = app.output.clone();
            let (results, docs) = output.map_or((results, docs), |output| (output.clone(), output));
            for (peer, there) in [
                ("podinfo (PODINFO_BIN)", app.podinfo.is_some()),
                ("Flask (--venv)", app.venv.is_some()),
                ("the image's size (--image)", app.image.is_some()),
                (
                    "the size with OTLP (--image-with-otlp)",
                    app.image_with_otlp.is_some(),
                ),
            ] {
                if !there {
                    printer.warn(&format!("skipped, because it is not here: {peer}"));
                }
            }
            let found = app::run(&inputs(app, root), printer)?;
            let json = serde_json::to_string_pretty(&found)? + "\n";
            write(&results.join("app.json"), &json)?;
            write_document(&results, &docs, printer)
        }
    }
}

fn inputs(arguments: AppArguments, root: PathBuf) -> app::Inputs {
    app::Inputs {
        flask: root.join("bench/app/flask"),
        root,
        app: arguments.app,
        podinfo: arguments.podinfo,
        venv: arguments.venv,
        image: arguments.image,
        image_with_otlp: arguments.image_with_otlp,
        rounds: arguments.rounds.into(),
        round: Duration::from_millis(arguments.round.into()),
        connections: arguments.connections.into(),
    }
}

fn write_document(results: &Path, docs: &Path, printer: Printer) -> anyhow::Result<()> {
    let path = docs.join("benchmarks.md");
    write(&path, &document::render(results)?)?;
    printer.status(&format!("Wrote {}", path.display()));
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let directory = path.parent().context("a file has a directory")?;
    std::fs::create_dir_all(directory)
        .and_then(|()| std::fs::write(path, text))
        .with_context(|| format!("cannot write {}", path.display()))
}
