//! Parses the command line, and adds what every program has besides its own commands: the version with
//! the git revision, shell completions and man pages.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::{env, process};

use clap::{Arg, ArgMatches, Command, Parser, value_parser};
use clap_complete::Shell;

use crate::redact::redact;
use crate::{Exit, Printer, Progress};

/// The version of all programs, and the git revision if the build was given one.
///
/// The revision is the variable `SOURCE_REVISION` at compile time. A build script that asks git would
/// change the binary with every commit, even if its sources did not change.
pub fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let version = env!("CARGO_PKG_VERSION");
        match option_env!("SOURCE_REVISION") {
            Some(revision) => format!("{version} ({revision})"),
            None => version.to_owned(),
        }
    });
    &VERSION
}

/// Parses the process's arguments. Exits for `--help`, `--version`, a usage error, and the commands
/// `completions` and `man`.
pub fn parse<C: Parser>() -> C {
    let command = with_documentation(C::command());
    let matches = match command.clone().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => refuse(&error),
    };
    match documentation(command, &matches) {
        Some(Ok(())) => process::exit(Exit::Ok.code().into()),
        Some(Err(error)) => {
            let _ = writeln!(
                io::stderr(),
                "error: cannot write the documentation\n  Caused by: {error}"
            );
            process::exit(Exit::Failed.code().into());
        }
        None => C::from_arg_matches(&matches).unwrap_or_else(|error| refuse(&error)),
    }
}

/// Reports a usage error in the form that the arguments ask for, or prints the help or version that
/// clap returns as an error, and exits.
fn refuse(error: &clap::Error) -> ! {
    let text = error.render().to_string();
    let shown = redact(&text);
    let json = json_progress(env::args_os());
    if !error.use_stderr() || (shown == text && !json) {
        // With clap's colours.
        error.exit();
    }
    let progress = if json {
        Progress::Json
    } else {
        Progress::Plain
    };
    Printer::new(progress, true).error(&shown);
    process::exit(error.exit_code());
}

/// Whether arguments that could not be parsed have `--progress json`: a program that reads stderr as
/// JSON must not get text.
fn json_progress(arguments: impl IntoIterator<Item = OsString>) -> bool {
    let mut arguments = arguments
        .into_iter()
        .take_while(|argument| argument != "--");
    while let Some(argument) = arguments.next() {
        if argument == "--progress=json"
            || argument == "--progress" && arguments.next().is_some_and(|value| value == "json")
        {
            return true;
        }
    }
    false
}

/// Adds the version and the documentation commands to a program's own command.
fn with_documentation(command: Command) -> Command {
    let completions = Command::new("completions")
        .about("Print the completions of a shell")
        .arg(
            Arg::new("shell")
                .required(true)
                .value_name("SHELL")
                .value_parser(value_parser!(Shell)),
        );
    let man = Command::new("man")
        .about("Write the man pages")
        .hide(true)
        .arg(
            Arg::new("directory")
                .required(true)
                .value_name("DIR")
                .help("An existing directory")
                .value_parser(value_parser!(PathBuf)),
        );
    command
        .version(version())
        .subcommand(completions)
        .subcommand(man)
}

/// Runs a documentation command, if the arguments name one.
fn documentation(mut command: Command, matches: &ArgMatches) -> Option<io::Result<()>> {
    match matches.subcommand()? {
        ("completions", matches) => {
            let shell = *matches.get_one::<Shell>("shell")?;
            Some(completions(&mut command, shell))
        }
        ("man", matches) => {
            let directory = matches.get_one::<PathBuf>("directory")?;
            Some(man(command, directory))
        }
        _ => None,
    }
}

fn completions(command: &mut Command, shell: Shell) -> io::Result<()> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, command, name, &mut script);
    match io::stdout().write_all(&script) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Writes a page for the program and each of its commands.
fn man(command: Command, directory: &Path) -> io::Result<()> {
    clap_mangen::generate_to(command, directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Command {
        with_documentation(Command::new("program").subcommand(Command::new("run")))
    }

    fn run(args: &[&str]) -> Option<io::Result<()>> {
        let matches = program().try_get_matches_from(args).unwrap();
        documentation(program(), &matches)
    }

    #[test]
    fn the_version_is_the_workspace_s() {
        let text = program().render_version();
        assert!(
            text.starts_with(concat!("program ", env!("CARGO_PKG_VERSION"))),
            "{text}"
        );
    }

    #[test]
    fn each_command_has_a_man_page() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_str().unwrap();
        run(&["program", "man", path]).unwrap().unwrap();
        let page = |name| std::fs::read_to_string(directory.path().join(name)).unwrap();
        assert!(page("program.1").contains(".TH program 1"));
        assert!(page("program-run.1").contains("program\\-run"));
        let file = format!("{path}/program.1");
        assert!(run(&["program", "man", &file]).unwrap().is_err());
    }

    #[test]
    fn every_shell_has_completions() {
        for shell in [
            Shell::Bash,
            Shell::Zsh,
            Shell::Fish,
            Shell::Elvish,
            Shell::PowerShell,
        ] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut program(), "program", &mut script);
            let script = String::from_utf8(script).unwrap();
            assert!(
                script.contains("program") && script.contains("completions"),
                "{shell}"
            );
        }
    }

    #[test]
    fn progress_as_json_is_found_among_invalid_arguments() {
        let json = |line: &str| json_progress(line.split(' ').map(OsString::from));
        assert!(json("program push --nonsense --progress json"));
        assert!(json("program push --progress=json --nonsense"));
        assert!(!json("program push --progress plain json"));
        assert!(!json("program build -- --progress json"));
        assert!(!json("program push --progress"));
    }

    #[test]
    fn other_commands_are_the_program_s_own() {
        assert!(run(&["program", "run"]).is_none());
        assert!(run(&["program"]).is_none());
    }
}
