//! Dependencies that compile C, for both platforms.
//!
//! Needs `ziglang` of `PyPI` in `target/zig`, which `dev/install test` installs, and `qemu-aarch64-static`
//! where this machine is not arm64.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test builds the environment of a program"
)]

mod sandbox;

use std::ffi::OsString;
use std::fs;
use std::process::{Command, Output};

use crate::sandbox::c::{path, with_c, zig};
use crate::sandbox::{QUIET, Run, Sandbox};

fn build(sandbox: &Sandbox, path: &OsString, args: &[&str]) -> Run {
    let own = ["build", "hello", "--output", "oci:img"];
    let mut command = sandbox.command(&[&own[..], args].concat());
    command.env("PATH", path);
    command.env_remove("CARGO");
    Run::of(sandbox.path(), command.output().unwrap())
}

/// Runs the binary for an architecture.
fn execute(sandbox: &Sandbox, architecture: &str) -> String {
    let binary = format!("target/{architecture}-unknown-linux-musl/release/hello");
    let binary = sandbox.path().join(binary);
    let output: Output = if architecture == std::env::consts::ARCH {
        Command::new(binary).output().unwrap()
    } else {
        let qemu = format!("qemu-{architecture}-static");
        let output = Command::new(&qemu).arg(binary).output();
        output.unwrap_or_else(|error| panic!("`{qemu}` is needed here: {error}"))
    };
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn zig_compiles_for_both_platforms_and_any_folder_gives_one_digest() {
    let (one, other) = (with_c(), with_c());
    let args = [QUIET, "--platform", "linux/amd64,linux/arm64"];
    let run = build(&one, &path(&one, &[zig()], &[]), &args);
    assert_eq!(run.stderr, "");
    for architecture in ["x86_64", "aarch64"] {
        let output = execute(&one, architecture);
        assert_eq!(output, "/workspace/hello/native.c 42 \n", "{architecture}");
    }
    let second = build(&other, &path(&other, &[zig()], &[]), &args);
    assert_eq!(run.reference(), second.reference());
}

#[test]
fn a_missing_compiler_is_one_error_with_a_hint_about_what_to_install() {
    let sandbox = with_c();
    let path = path(&sandbox, &[], &[]);
    let run = build(&sandbox, &path, &[QUIET, "--platform", "linux/arm64"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let hint = if cfg!(target_arch = "aarch64") {
        "Debian's `musl-tools`"
    } else {
        "`aarch64-linux-musl-gcc`"
    };
    assert_eq!(
        run.stderr,
        format!(
            "error: cannot build an image of `hello`\n  \
             Caused by: package `hello` compiles C, and there is no C compiler for \
             aarch64-unknown-linux-musl\n\
             hint: install zig (`pip install ziglang`), or {hint}, or set \
             CC_aarch64_unknown_linux_musl\n"
        )
    );
    // Other failures of a build script are still reported by Cargo.
    sandbox.write("hello/build.rs", "fn main() { panic!(\"of its own\") }");
    let run = build(&sandbox, &path, &[QUIET, "--platform", "linux/arm64"]);
    assert!(run.stderr.contains("of its own"), "{}", run.stderr);
}

#[test]
fn the_compiler_of_the_environment_is_used_and_its_flags_are_not() {
    let sandbox = with_c();
    let triple = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let (compiler, called) = (sandbox.path().join("my-gcc"), sandbox.path().join("called"));
    // Ubuntu's compiles so by default.
    let script = format!(
        "#!/bin/sh\n: >{}\nexec cc -O2 -D_FORTIFY_SOURCE=2 \"$@\"\n",
        called.display()
    );
    test_programs::write_script(&compiler, &script);
    let build = |compiler_variable: &str, flags_variable: &str| {
        let mut command = sandbox.command(&["build", "hello", "--output", "oci:img", QUIET]);
        command
            .env("PATH", path(&sandbox, &[zig()], &["ar"]))
            .env(format!("{compiler_variable}_{triple}"), &compiler)
            .env(flags_variable, "-Danswer=other");
        let run = Run::of(sandbox.path(), command.output().unwrap());
        run.reference();
        fs::remove_file(&called).unwrap();
        let ignored = format!("the image would depend on it: {flags_variable}\n");
        assert!(run.stderr.contains(&ignored), "{}", run.stderr);
        let output = execute(&sandbox, std::env::consts::ARCH);
        assert_eq!(output, "/workspace/hello/native.c 42 \n");
    };
    build("CC", "CFLAGS");
    // The compiler for C++ alone, which gets a file in C here, so that nothing of its library is needed.
    let script = fs::read_to_string(sandbox.path().join("hello/build.rs")).unwrap();
    let script = script.replace(
        "cc::Build::new()",
        "cc::Build::new().cpp(true).cpp_link_stdlib(None)",
    );
    sandbox.write("hello/build.rs", &script);
    build("CXX", "CXXFLAGS");
}

#[test]
fn a_compiler_for_glibc_is_used_with_a_warning() {
    let sandbox = with_c();
    let architecture = std::env::consts::ARCH;
    let gcc = sandbox
        .path()
        .join(format!("gcc/{architecture}-linux-gnu-gcc"));
    sandbox.write("gcc/x", "");
    test_programs::write_script(&gcc, "#!/bin/sh\nexec cc \"$@\"\n");
    let path = path(&sandbox, &[sandbox.path().join("gcc")], &["ar", "ranlib"]);
    let run = build(&sandbox, &path, &[QUIET]);
    let expected =
        format!("warning: C dependencies were compiled for {architecture}-unknown-linux-musl ");
    assert!(run.stderr.starts_with(&expected), "{}", run.stderr);
    let output = execute(&sandbox, architecture);
    assert_eq!(output, "/workspace/hello/native.c 42 \n");
    sandbox.write(
        "hello/build.rs",
        "fn main() { println!(\"cargo::rustc-env=MODE=\") }",
    );
    sandbox.write("hello/src/main.rs", "fn main() {}");
    assert_eq!(build(&sandbox, &path, &[QUIET]).stderr, "");
}

#[test]
fn build_env_reaches_build_scripts() {
    let sandbox = with_c();
    let manifest = sandbox.read("hello/Cargo.toml").replace(
        "[package.metadata.image]",
        "[package.metadata.image]\nbuild-env = { MODE = \"offline\" }",
    );
    sandbox.write("hello/Cargo.toml", &manifest);
    build(&sandbox, &path(&sandbox, &[zig()], &[]), &[QUIET]).reference();
    let output = execute(&sandbox, std::env::consts::ARCH);
    assert_eq!(output, "/workspace/hello/native.c 42 offline\n");
}
