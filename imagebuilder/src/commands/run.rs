//! The entry point of the process.

use std::process::ExitCode;

use cli::{Exit, Printer};

use super::context::Context;
use super::{
    apply, assemble, build, copy, diff, init, inspect, login, push, remote, resolve, verify,
};
use crate::args::{Cli, Command};
use crate::environment::Environment;

/// Runs the program: parses the command line, runs a command, prints its error.
pub fn main() -> ExitCode {
    let cli: Cli = cli::parse();
    let environment = Environment::read();
    let printer = Printer::new(cli.progress, environment.dumb_terminal);
    let context = Context {
        printer,
        environment,
    };
    let outcome = match cli.command {
        Command::Build(args) => build::run(&context, &args),
        Command::Resolve(args) => resolve::run(&context, &args),
        Command::Apply(args) => apply::run(&context, &args),
        Command::Assemble(args) => assemble::run(&context, &args),
        Command::Init(args) => init::run(&context, &args),
        Command::Inspect(args) => inspect::run(&context, &args),
        Command::Diff(args) => diff::run(&context, &args),
        Command::Verify(args) => verify::run(&context, &args),
        Command::Push(args) => push::run(&context, &args),
        Command::Copy(args) => copy::run(&context, &args),
        Command::Tags(args) => remote::tags(&context, &args),
        Command::Digest(args) => remote::digest(&context, &args),
        Command::Manifest(args) => remote::manifest(&context, &args),
        Command::Delete(args) => remote::delete(&context, &args),
        Command::Login(args) => login::login(&context, &args),
        Command::Logout(args) => login::logout(&context, &args),
    };
    cli::finish(&printer, outcome.map(|()| Exit::Ok))
}
