//! A small workspace in a folder of its own, and the real program in it.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![allow(dead_code, reason = "not every file of tests uses all of it")]

pub(crate) mod c;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use oci::Reference;
use oci::image::Config;

/// A workspace with the packages `hello` (a binary), `lib` (none) and `two` (several).
pub(crate) struct Sandbox {
    directory: tempfile::TempDir,
}

impl Sandbox {
    /// An empty folder.
    pub(crate) fn empty() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn new() -> Self {
        let sandbox = Self::empty();
        sandbox.write(
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"hello\", \"lib\", \"two\"]\n",
        );
        sandbox.package("hello", "[package.metadata.image]\nname = \"team/hello\"\nports = [5000]\nargs = [\"--x\"]\nenv = { A = \"b\" }\n");
        // A panic's message contains the path of its file, also in the library.
        sandbox.write(
            "hello/src/main.rs",
            "fn main() { let n = std::env::args().count(); lib::check(n); println!(\"{n}\"); }\n",
        );
        sandbox.package("lib", "");
        sandbox.write(
            "lib/src/lib.rs",
            "pub fn check(n: usize) { assert!(n < 100, \"{n}\"); }\n",
        );
        sandbox.package("two", "");
        sandbox.write("two/src/bin/a.rs", "fn main() {}\n");
        sandbox.write("two/src/bin/b.rs", "fn main() {}\n");
        sandbox.write(
            "hello/Cargo.toml",
            &format!(
                "{}\n[dependencies]\nlib = {{ path = \"../lib\" }}\n",
                sandbox.read("hello/Cargo.toml")
            ),
        );
        sandbox
    }

    /// A sandbox whose `hello` has these lines at the end of its Cargo.toml, below `[dependencies]`, with the
    /// locked versions of this repository: no newer version is looked up.
    pub(crate) fn with_dependencies(lines: &str) -> Self {
        let sandbox = Self::new();
        let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock");
        sandbox.write("Cargo.lock", &fs::read_to_string(lock).unwrap());
        let manifest = sandbox.read("hello/Cargo.toml");
        sandbox.write("hello/Cargo.toml", &format!("{manifest}{lines}"));
        sandbox
    }

    pub(crate) fn package(&self, name: &str, more: &str) {
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"1.2.3\"\nedition = \"2024\"\n{more}"
        );
        self.write(&format!("{name}/Cargo.toml"), &manifest);
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes incompressible bytes, which differ for each seed.
    pub(crate) fn noise(&self, path: &str, seed: u32, size: usize) {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let bytes: Vec<u8> = (0..size).map(|_| next()).collect();
        fs::write(self.path().join(path), bytes).unwrap();
    }

    /// Kills runs that write to the layout `img` a hundred times, at moments spread over the duration of a whole
    /// run, and verifies the layout after each. `command` prepares a run whose image is unique for its number.
    pub(crate) fn kill_runs(&self, command: impl Fn(u32) -> Command) {
        const ROUNDS: u32 = 100;
        let spawn = |number| command(number).stdout(Stdio::null()).spawn().unwrap();
        let started = Instant::now();
        assert!(spawn(ROUNDS + 1).wait().unwrap().success());
        let mut whole = started.elapsed();
        let mut killed = 0;
        for round in 1..=ROUNDS {
            let started = Instant::now();
            let mut child = spawn(round);
            // Multiples of an odd number, in no order.
            let moment = whole * ((round * 37) % ROUNDS) / ROUNDS;
            while started.elapsed() < moment && child.try_wait().unwrap().is_none() {
                thread::sleep(Duration::from_millis(1));
            }
            child.kill().unwrap();
            if child.wait().unwrap().success() {
                // The machine has become less busy.
                whole = started.elapsed();
            } else {
                killed += 1;
            }
            let verified = self.run(&["verify", "oci:img", QUIET]);
            assert_eq!(verified.code, Some(0), "round {round}: {}", verified.stderr);
        }
        assert!(
            killed > ROUNDS / 4,
            "only {killed} runs were killed before they finished"
        );
    }

    /// Nothing that was being written is left in the layout `img`.
    pub(crate) fn assert_nothing_half_written(&self) {
        let left = fs::read_dir(self.path().join("img/.ingest")).unwrap();
        assert_eq!(left.count(), 0);
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap()
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_imagebuilder"));
        clear_environment(&mut command)
            .args(args)
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        Run::of(self.path(), self.command(args).output().unwrap())
    }
}

/// Removes the variables of this machine, except those that a build needs: where programs are, and how crates are
/// fetched. Any other could change what is built, printed, or pushed.
pub(crate) fn clear_environment(command: &mut Command) -> &mut Command {
    const NAMES: [&str; 7] = [
        "CARGO",
        "CARGO_HOME",
        "HOME",
        "PATH",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TMPDIR",
    ];
    // Those of rustup also say whether it may change its toolchains.
    const PREFIXES: [&str; 5] = [
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "RUSTUP_",
    ];
    let is_needed = |name: &str| {
        NAMES.contains(&name)
            || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            || name.to_ascii_lowercase().ends_with("_proxy")
    };
    #[allow(
        clippy::disallowed_methods,
        reason = "a test builds the environment of a program"
    )]
    let variables = std::env::vars_os();
    let needed = variables.filter(|(name, _)| name.to_str().is_some_and(is_needed));
    command.env_clear().envs(needed)
}

/// The result of a run, with the paths of this machine removed.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(root: &Path, output: Output) -> Self {
        let root = root.canonicalize().unwrap().display().to_string();
        let text = |bytes| String::from_utf8(bytes).unwrap().replace(&root, "[WS]");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Asserts that it exits with `code`, and that its standard error contains `expected`.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, expected: &str) {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        assert!(self.stderr.contains(expected), "{}", self.stderr);
    }

    /// Asserts that it exits with 0.
    #[track_caller]
    pub(crate) fn succeeds(&self) {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
    }

    /// Asserts that it printed one reference, and returns it.
    pub(crate) fn reference(&self) -> Reference {
        self.succeeds();
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.stdout);
        self.stdout.trim_end().parse().unwrap()
    }
}

/// What created each layer, by the history in a configuration.
pub(crate) fn created_by(config: &Config) -> Vec<String> {
    let history = config.spec.history().iter().flatten();
    history
        .map(|entry| entry.created_by().clone().unwrap())
        .collect()
}

/// Runs another program in a directory, and returns its output.
pub(crate) fn tool(directory: &Path, program: &str, args: &[&str]) -> String {
    let output = clear_environment(&mut Command::new(program))
        .args(args)
        .current_dir(directory)
        .output();
    let output = output.unwrap_or_else(|error| panic!("`{program}` is needed here: {error}"));
    assert!(
        output.status.success(),
        "{program} {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) const QUIET: &str = "--progress=quiet";
