//! Runs the program: measures, and writes the results and the document.

use std::process::ExitCode;

use clap::Parser as _;
use cli::{Exit, Printer, Progress};

use super::arguments::{Arguments, Command};
use super::failed::Failed;
use super::places::Places;

/// Runs the program.
pub fn main() -> ExitCode {
    let printer = Printer::new(Progress::Plain, true);
    let outcome = run(Arguments::parse(), printer).map(|()| Exit::Ok);
    cli::finish(&printer, outcome.map_err(Failed))
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
    let path = places.write_document()?;
    printer.status(&format!("Wrote {}", path.display()));
    Ok(())
}
