//! The command line.

mod app;
mod balancer;
mod image;
mod node;
mod registry;
mod rollout;

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use cli::{Exit, ExitError, Printer, Progress};
use serde::Serialize;

use self::app::AppArguments;
use self::balancer::BalancerArguments;
use self::image::ImageArguments;
use self::node::NodeArguments;
use self::registry::RegistryArguments;
use self::rollout::RolloutArguments;
use crate::document;

/// Measures the programs beside their peers.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The checkout: results go to `bench/results`, the document to `docs`
    #[arg(long, global = true, default_value = ".", value_name = "DIR")]
    root: PathBuf,
    /// Write the results and the document to this directory instead of the checkout
    #[arg(long, global = true, value_name = "DIR")]
    output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure the service, write its results, and write the document
    App(AppArguments),
    /// Measure pushes to a registry, write their results, and write the document
    Registry(RegistryArguments),
    /// Measure packing files into images, write its results, and write the document
    Image(ImageArguments),
    /// Measure `nodectl` on a node, write its results, and write the document
    Node(NodeArguments),
    /// Measure the load balancer of `nodectl up`, write its results, and write the document
    Balancer(BalancerArguments),
    /// Measure rollouts behind AWS's load balancers, write their results, and write the document
    Rollout(RolloutArguments),
    /// Write docs/benchmarks.md from the results
    Document,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let printer = Printer::new(Progress::Plain, true);
    let outcome = run(Arguments::parse(), printer).map(|()| Exit::Ok);
    cli::finish(&printer, outcome.map_err(Failed))
}

/// A failed measurement. The exit code does not depend on the reason.
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
    let Arguments {
        root,
        output,
        command,
    } = arguments;
    let places = Places::new(&root, output);
    match command {
        Command::App(args) => places.write("app.json", &args.measure(root, printer)?)?,
        Command::Registry(args) => places.write("registry.json", &args.measure(root, printer)?)?,
        Command::Image(args) => places.write("image.json", &args.measure(root, printer)?)?,
        Command::Node(args) => places.write("node.json", &args.measure(root, printer)?)?,
        Command::Balancer(args) => places.write("balancer.json", &args.measure(root, printer)?)?,
        Command::Rollout(args) => places.write("rollout.json", &args.measure(root, printer)?)?,
        Command::Document => {}
    }
    let path = places.docs.join("benchmarks.md");
    write(&path, &document::render(&places.results)?)?;
    printer.status(&format!("Wrote {}", path.display()));
    Ok(())
}

/// The directory for the results and the document.
struct Places {
    results: PathBuf,
    docs: PathBuf,
}

impl Places {
    fn new(root: &Path, output: Option<PathBuf>) -> Self {
        match output {
            Some(output) => Self {
                results: output.clone(),
                docs: output,
            },
            None => Self {
                results: root.join("bench/results"),
                docs: root.join("docs"),
            },
        }
    }

    fn write<T: Serialize>(&self, name: &str, results: &T) -> anyhow::Result<()> {
        let json = serde_json::to_string_pretty(results)? + "\n";
        write(&self.results.join(name), &json)
    }
}

fn warn_of_missing(printer: Printer, peers: &[(&str, bool)]) {
    for (peer, there) in peers {
        if !there {
            printer.warn(&format!("skipped, because it was not given: {peer}"));
        }
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let directory = path.parent().context("a file has a directory")?;
    std::fs::create_dir_all(directory)
        .and_then(|()| std::fs::write(path, text))
        .with_context(|| format!("cannot write {}", path.display()))
}
