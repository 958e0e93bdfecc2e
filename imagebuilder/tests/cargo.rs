//! Images and Cargo: its configuration, its options, signals, and a full disk.
//!
//! Needs root, and `unshare` and `mount` of util-linux.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test builds the environment of a program"
)]

mod sandbox;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use oci::layout::Layout;

use crate::sandbox::{QUIET, Run, Sandbox, clear_environment, created_by, tool};

/// The longest wait for another process. None of them takes long.
const TIMEOUT: Duration = Duration::from_mins(2);

const BUILD: [&str; 5] = ["build", "hello", "--output", "oci:img", QUIET];

/// What the compiled binary prints.
fn output(sandbox: &Sandbox, profile: &str) -> String {
    let arch = std::env::consts::ARCH;
    let binary = format!("target/{arch}-unknown-linux-musl/{profile}/hello");
    let output = Command::new(sandbox.path().join(binary)).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A workspace whose program prints whether the `cfg` named `shouty` is set.
fn with_cfg() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(
        "hello/src/main.rs",
        "#![allow(unexpected_cfgs)]\nfn main() { print!(\"{}\", cfg!(shouty)); }\n",
    );
    sandbox
}

#[test]
fn rustflags_of_cargos_configuration_reach_the_binary() {
    let sandbox = with_cfg();
    let check = |config: &str, expected: &str| {
        sandbox.write(".cargo/config.toml", config);
        sandbox.run(&BUILD).reference();
        assert_eq!(output(&sandbox, "release"), expected, "{config}");
    };
    check("", "false");
    check("[build]\nrustflags = [\"--cfg\", \"shouty\"]\n", "true");
    check(
        "[target.'cfg(target_env = \"musl\")']\nrustflags = [\"--cfg=shouty\"]\n",
        "true",
    );
    // As in Cargo, flags of a matching target replace those of the build.
    check(
        "[build]\nrustflags = [\"--cfg=shouty\"]\n[target.'cfg(unix)']\nrustflags = []\n",
        "false",
    );
    sandbox.write(
        ".cargo/more.toml",
        "[build]\nrustflags = [\"--cfg=shouty\"]\n",
    );
    check("include = [\"more.toml\"]\n", "true");
    check("", "false");
    let config = ["--", "--config", "build.rustflags=['--cfg=shouty']"];
    sandbox.run(&[&BUILD[..], &config].concat()).reference();
    assert_eq!(output(&sandbox, "release"), "true");
}

#[test]
fn a_linker_of_cargos_configuration_is_used() {
    let sandbox = with_cfg();
    let linker = sandbox.path().join("linker");
    let called = sandbox.path().join("called");
    let script = format!("#!/bin/sh\n: >{}\nexec cc \"$@\"\n", called.display());
    test_programs::write_script(&linker, &script);
    let arch = std::env::consts::ARCH;
    sandbox.write(
        ".cargo/config.toml",
        &format!(
            "[target.{arch}-unknown-linux-musl]\nlinker = \"{}\"\n",
            linker.display()
        ),
    );
    sandbox.run(&BUILD).reference();
    assert!(called.exists());
    assert_eq!(output(&sandbox, "release"), "false");
}

/// rust-lld takes the arguments of a linker, and a C compiler takes those with `-Wl,`.
#[test]
fn link_arguments_for_a_c_compiler_get_a_hint() {
    let sandbox = with_cfg();
    let arch = std::env::consts::ARCH.to_uppercase();
    let variable = format!("CARGO_TARGET_{arch}_UNKNOWN_LINUX_MUSL_LINKER");
    let hint = format!(
        "hint: rust-lld does not accept `-Wl,-z,now`, an argument for a C compiler: set {variable}=cc\n"
    );
    let script = "fn main() { println!(\"cargo::rustc-link-arg=-Wl,-z,now\"); }\n";
    sandbox.write("hello/build.rs", script);
    let run = sandbox.run(&BUILD);
    run.fails(1, "Cargo could not compile package `hello`");
    assert!(run.stderr.ends_with(&hint), "{}", run.stderr);
    let mut command = sandbox.command(&BUILD);
    let built = command.env(&variable, "cc").output().unwrap();
    Run::of(sandbox.path(), built).reference();
    assert_eq!(output(&sandbox, "release"), "false");
    // Other failures have other causes.
    sandbox.write("hello/build.rs", "fn main() {}\n");
    sandbox.write("hello/src/main.rs", "fn main() { oops }\n");
    let run = sandbox.run(&BUILD);
    run.fails(1, "Cargo could not compile package `hello`");
    assert!(!run.stderr.contains("hint:"), "{}", run.stderr);
}

#[test]
fn cargos_options_are_passed_on() {
    let sandbox = with_cfg();
    let run = |options: &[&str]| sandbox.run(&[&BUILD[..], options].concat());
    let locked = run(&["--locked"]);
    locked.fails(1, "--locked");
    assert!(!sandbox.path().join("Cargo.lock").exists());

    run(&["--offline"]).reference();
    run(&["--frozen"]).reference();
    run(&["--profile", "dev"]).reference();
    assert_eq!(output(&sandbox, "debug"), "false");
    let unknown = run(&["--profile", "fast"]);
    unknown.fails(1, "`fast`");

    let own = sandbox.read("Cargo.toml") + "[profile.own]\ninherits = \"release\"\n";
    sandbox.write("Cargo.toml", &own);
    run(&["--profile", "own", "--", "--config", "build.jobs=1"]).reference();
    assert_eq!(output(&sandbox, "own"), "false");
    let layout = Layout::open(sandbox.path().join("img")).unwrap();
    let root = layout.find(&"team/hello".parse().unwrap()).unwrap();
    let manifest = layout.manifest(&root).unwrap();
    let config = layout.config(&manifest.config).unwrap();
    let created = created_by(&config);
    assert_eq!(
        created.last().unwrap(),
        "imagebuilder: cargo build --profile own"
    );
}

#[test]
fn default_features_can_be_left_out() {
    let sandbox = Sandbox::new();
    let manifest = sandbox.read("hello/Cargo.toml") + "\n[features]\ndefault = [\"a\"]\na = []\n";
    sandbox.write("hello/Cargo.toml", &manifest);
    sandbox.write(
        "hello/src/main.rs",
        "fn main() { print!(\"{}\", cfg!(feature = \"a\")); }\n",
    );
    sandbox.run(&BUILD).reference();
    assert_eq!(output(&sandbox, "release"), "true");
    sandbox
        .run(&[&BUILD[..], &["--no-default-features"]].concat())
        .reference();
    assert_eq!(output(&sandbox, "release"), "false");
}

#[test]
fn without_a_package_the_one_of_the_current_directory_is_built() {
    let sandbox = Sandbox::new();
    let run = |directory: &str, args: &[&str]| {
        let mut command = sandbox.command(&[&["build", QUIET], args].concat());
        command.current_dir(sandbox.path().join(directory));
        Run::of(sandbox.path(), command.output().unwrap())
    };
    let reference = run("hello/src", &[]).reference();
    assert_eq!(reference.name(), "team/hello");
    // Neither --output nor --repo.
    assert!(sandbox.path().join("target/images/index.json").exists());
    let manifest = ["--manifest-path", "hello/Cargo.toml"];
    assert_eq!(run("", &manifest).reference(), reference);

    let absent = Sandbox::empty().run(&["build", QUIET]);
    assert_eq!(absent.code, Some(2));
    assert_eq!(
        absent.stderr,
        "error: there is no Cargo.toml in `[WS]` or a directory above it\n\
         hint: run it in the workspace, or name its Cargo.toml with --manifest-path\n"
    );

    let broken = Sandbox::new();
    broken.write("hello/Cargo.toml", "[package\n");
    let broken = broken.run(&BUILD);
    broken.fails(2, "hello/Cargo.toml:1:");
    assert!(!broken.stderr.contains("hint:"), "{}", broken.stderr);

    let several = run("", &[]);
    assert_eq!(several.code, Some(2));
    assert_eq!(
        several.stderr,
        "error: `[WS]/Cargo.toml` is not the manifest of one package with a binary: \
         name one of `hello`, `two`\n"
    );
    sandbox.write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"hello\", \"lib\"]\n",
    );
    fs::remove_dir_all(sandbox.path().join("two")).unwrap();
    assert_eq!(run("", &[]).reference(), reference);
}

/// Waits until a condition holds.
fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(
            started.elapsed() < TIMEOUT,
            "timed out waiting until {what}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A process that has exited, even if nobody has waited for it yet.
fn exited(pid: &str) -> bool {
    state(pid).is_none_or(|state| state == 'Z')
}

/// The state of a process, as a letter (`proc(5)`).
fn state(pid: &str) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

fn send(signal: &str, pid: u32) {
    let kill = format!("kill -{signal} {pid}");
    let sent = Command::new("sh").args(["-c", &kill]).status().unwrap();
    assert!(sent.success());
}

/// Otherwise one could pack what the other compiled with other features.
#[test]
fn builds_for_one_target_take_turns_until_their_binaries_are_open() {
    let sandbox = Sandbox::new();
    let built = sandbox.run(&BUILD).reference();
    let arch = std::env::consts::ARCH;
    let lock = format!("target/.imagebuilder-{arch}-unknown-linux-musl-release.lock");
    let lock = fs::File::open(sandbox.path().join(lock)).unwrap();
    lock.lock().unwrap();
    let mut command = sandbox.command(&["build", "hello", "--progress", "plain"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let waits = |line: &str| line.starts_with("Waiting for another build for ");
    while !waits(&lines.next().expect("it waits").unwrap()) {}
    lock.unlock().unwrap();
    let rest: Vec<_> = lines.map(Result::unwrap).collect();
    let run = Run::of(sandbox.path(), child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(0), "{rest:?}");
    assert_eq!(run.reference().digest(), built.digest());
}

#[test]
fn a_signal_stops_cargo_and_its_build_scripts() {
    let sandbox = Sandbox::new();
    let pid_file = sandbox.path().join("pid");
    sandbox.write(
        "hello/build.rs",
        "fn main() {
             std::fs::write(\"../pid.new\", std::process::id().to_string()).unwrap();
             std::fs::rename(\"../pid.new\", \"../pid\").unwrap();
             std::thread::sleep(std::time::Duration::from_secs(600));
         }",
    );
    for signal in ["INT", "TERM", "HUP", "QUIT"] {
        let mut command = sandbox.command(&BUILD);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_until("the build script runs", || pid_file.exists());
        let script = fs::read_to_string(&pid_file).unwrap();
        fs::remove_file(&pid_file).unwrap();
        assert!(!exited(&script));
        send(signal, child.id());
        let run = Run::of(sandbox.path(), child.wait_with_output().unwrap());
        assert_eq!(run.code, Some(130), "{signal}: {}", run.stderr);
        assert!(
            run.stderr.contains("interrupted while Cargo was compiling"),
            "{}",
            run.stderr
        );
        wait_until("the build script has exited", || exited(&script));
        assert_eq!(run.stdout, "");
        assert!(!PathBuf::from("img/index.json").exists());
    }
}

#[test]
fn ctrl_z_pauses_cargo_and_its_build_scripts() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "hello/build.rs",
        "fn main() {
             std::fs::write(\"../pid.new\", std::process::id().to_string()).unwrap();
             std::fs::rename(\"../pid.new\", \"../pid\").unwrap();
             while !std::path::Path::new(\"../go\").exists() {
                 std::thread::sleep(std::time::Duration::from_millis(20));
             }
         }",
    );
    // As a job of a shell: a session leader cannot be paused.
    let child = sandbox
        .command(&BUILD)
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid_file = sandbox.path().join("pid");
    wait_until("the build script runs", || pid_file.exists());
    let script = fs::read_to_string(&pid_file).unwrap();
    let is_paused = |pid: &str| state(pid) == Some('T');
    for _ in 0..2 {
        send("TSTP", child.id());
        wait_until("both are paused", || {
            is_paused(&child.id().to_string()) && is_paused(&script)
        });
        send("CONT", child.id());
        wait_until("both continue", || {
            !is_paused(&child.id().to_string()) && !is_paused(&script)
        });
    }
    sandbox.write("go", "");
    let run = Run::of(sandbox.path(), child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[test]
fn a_program_with_threads_and_musls_allocator_gets_a_hint() {
    let sandbox = Sandbox::new();
    let hint =
        "Hint: hello starts threads, which all contend for the single lock of musl's allocator";
    let hinted = |sandbox: &Sandbox| {
        let run = sandbox.run(&["build", "hello"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stderr.contains(hint)
    };
    assert!(!hinted(&sandbox), "no threads");

    let main = "fn main() { std::thread::spawn(|| println!(\"x\")).join().unwrap(); }\n";
    sandbox.write("hello/src/main.rs", main);
    assert!(hinted(&sandbox));
    assert!(hinted(&sandbox), "a hint, although nothing was compiled");

    let manifest = sandbox.read("hello/Cargo.toml");
    let name = "name = \"team/hello\"\n";
    let keeps = manifest.replace(name, &format!("{name}allocator = \"musl\"\n"));
    sandbox.write("hello/Cargo.toml", &keeps);
    assert!(!hinted(&sandbox), "musl's is kept deliberately");

    // imagebuilder recognizes an allocator only by its name.
    sandbox.package("mimalloc", "");
    sandbox.write("mimalloc/src/lib.rs", "pub use std::alloc::System;\n");
    sandbox.write(
        "hello/Cargo.toml",
        &format!("{manifest}mimalloc = {{ path = \"../mimalloc\" }}\n"),
    );
    let replaced = "#[global_allocator]\nstatic A: mimalloc::System = mimalloc::System;\n";
    sandbox.write("hello/src/main.rs", &format!("{replaced}{main}"));
    assert!(!hinted(&sandbox), "replaced");
}

#[test]
fn a_build_that_fills_the_disk_says_so_and_succeeds_with_more_space() {
    let sandbox = Sandbox::new();
    tool(sandbox.path(), "mkdir", &["target"]);
    // Less than the binary, so that it is the linker that fills the disk.
    let script = "mount -t tmpfs -o size=300k none target
        code=0; \"$@\" || code=$?
        mount -o remount,size=600m target; \"$@\"
        exit $code";
    let mut command = Command::new("unshare");
    let output = clear_environment(&mut command)
        .args([
            "--mount",
            "--propagation=private",
            "sh",
            "-ec",
            script,
            "sh",
        ])
        .arg(env!("CARGO_BIN_EXE_imagebuilder"))
        .args(BUILD)
        .current_dir(sandbox.path())
        .output();
    let output = output.unwrap_or_else(|error| panic!("`unshare` is needed here: {error}"));
    let run = Run::of(sandbox.path(), output);
    run.fails(1, "(SIGBUS)");
    run.fails(1, "hint: only ");
    run.fails(1, " are free in `[WS]/target`: free some space, or set");
    // A single image: that of the second build, which has nothing of the first.
    let built: oci::Reference = run.stdout.trim_end().parse().unwrap();
    assert_eq!(sandbox.run(&BUILD).reference(), built);
}
