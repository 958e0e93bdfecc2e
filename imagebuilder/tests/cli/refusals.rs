//! Refusals: their messages and exit codes, and that nothing is left behind.

use std::fs;

use oci::layout::Layout;

use crate::sandbox::{QUIET, Sandbox};

#[test]
fn packages_that_cannot_be_built_are_refused_and_leave_nothing() {
    let sandbox = Sandbox::new();
    let check = |package: &str, code: i32, expected: &str| {
        let run = sandbox.run(&["build", package, "--output", "oci:none", QUIET]);
        assert_eq!(
            (run.code, run.stderr.as_str()),
            (Some(code), expected),
            "{package}"
        );
        assert_eq!(run.stdout, "");
        assert!(!sandbox.path().join("none").exists());
    };
    check(
        "helo",
        2,
        "error: cannot build an image of `helo`\n  \
         Caused by: the workspace `[WS]` has no package `helo`, only `hello`, `lib`, `two`\n\
         hint: did you mean `hello`?\n",
    );
    check(
        "lib",
        2,
        "error: cannot build an image of `lib`\n  \
         Caused by: package `lib` has no binary to put into an image\n\
         hint: an image runs a program: give the package a src/main.rs or a [[bin]]\n",
    );
    check(
        "two",
        2,
        "error: cannot build an image of `two`\n  \
         Caused by: package `two` has several binaries: `a`, `b`\n\
         hint: choose with --bin, or `bin = \"…\"` in [package.metadata.image]; several go into one \
         image\n",
    );
    sandbox.package("lib", "[package.metadata.image]\nprots = [1]\n");
    check(
        "lib",
        2,
        "error: cannot build an image of `lib`\n  \
         Caused by: invalid [package.metadata.image] in `[WS]/lib/Cargo.toml`, line 6\n  \
         Caused by: unknown field `prots`, expected one of `name`, `bin`, `ports`, `user`, `base`, \
         `libc`, `allocator`, `workdir`, `entrypoint`, `env`, `args`, `labels`, `annotations`, `volumes`, \
         `stop-signal`, `build-env`, `platforms`, `assets`, `features`, `no-default-features`\n",
    );
}

#[test]
fn an_output_that_cannot_be_written_is_reported_before_compiling() {
    let sandbox = Sandbox::new();
    sandbox.write("hello/src/main.rs", "not Rust");
    for destination in [
        "--output=tar:Cargo.toml/x.tar",
        "--output=tar:hello",
        "--sbom-dir=Cargo.toml",
    ] {
        let run = sandbox.run(&["build", "hello", QUIET, destination]);
        run.fails(1, "cannot write `");
        assert!(!run.stderr.contains("could not compile"), "{}", run.stderr);
    }
}

#[test]
fn an_invalid_setting_is_named_with_its_line() {
    let sandbox = Sandbox::new();
    let check = |settings: &str, line: usize, expected: &str| {
        sandbox.package("lib", &format!("[package.metadata.image]\n{settings}\n"));
        let run = sandbox.run(&["build", "lib", QUIET]);
        let expected = format!(
            "error: cannot build an image of `lib`\n  \
             Caused by: invalid [package.metadata.image] in `[WS]/lib/Cargo.toml`, line {line}\n  \
             Caused by: {expected}\n"
        );
        assert_eq!((run.code, run.stderr), (Some(2), expected), "{settings}");
    };
    check(
        "ports = [0]",
        6,
        "`ports`: invalid value: integer `0`, expected a nonzero u16",
    );
    check(
        "bin = \"b\"\nuser = \"app\"",
        7,
        "`user`: `app` is not a user: expected UID or UID:GID, in numbers",
    );
    check(
        "env = { A = 5 }",
        6,
        "`env.A`: invalid type: integer `5`, expected a string",
    );
    check(
        "[package.metadata.image.env]\nA = 5",
        7,
        "`env.A`: invalid type: integer `5`, expected a string",
    );
    check(
        "assets = [\n    { src = \"x\", dst = \"/y\" },\n]",
        7,
        "`assets`: unknown field `dst`, expected one of `src`, `dest`, `mode`, `owner`",
    );
    check(
        "args = [\n    \"--y=3\",\n    5, # x = y\n]",
        8,
        "`args`: invalid type: integer `5`, expected a string",
    );
    check(
        "args = 3",
        6,
        "`args`: invalid type: integer `3`, expected a sequence",
    );
}

#[test]
fn a_path_of_this_machine_in_the_binary_is_found() {
    let sandbox = Sandbox::new();
    let source = "fn main() { print!(\"{}/x\", env!(\"CARGO_MANIFEST_DIR\")); }\n";
    sandbox.write("hello/src/main.rs", source);
    let args = ["build", "hello", "--output", "oci:img", QUIET];
    let run = sandbox.run(&args);
    let expected =
        "warning: the binary of hello contains `[WS]/hello/x`: its digest depends on this path\n";
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), expected));
    fs::remove_dir_all(sandbox.path().join("img")).unwrap();
    let run = sandbox.run(&[&args[..], &["--deny-paths"]].concat());
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    assert!(
        run.stderr
            .contains("contains `[WS]/hello/x`, a path of this machine"),
        "{}",
        run.stderr
    );
    let layout = Layout::open(sandbox.path().join("img")).unwrap();
    assert!(layout.entries().unwrap().is_empty());
}

#[test]
fn a_path_of_a_dependency_outside_the_workspace_is_found() {
    let sandbox = Sandbox::new();
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().canonicalize().unwrap().join("shared");
    fs::create_dir_all(folder.join("src")).unwrap();
    let manifest = "[package]\nname = \"shared\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    let source = "pub fn is_some(x: Option<u8>) -> bool { x.expect(\"it is\") > 0 }\n";
    fs::write(folder.join("src/lib.rs"), source).unwrap();
    let dependency = format!("shared = {{ path = \"{}\" }}\n", folder.display());
    sandbox.write(
        "hello/Cargo.toml",
        &(sandbox.read("hello/Cargo.toml") + &dependency),
    );
    let main = "fn main() { shared::is_some(std::env::args().next().map(|_| 1)); }\n";
    sandbox.write("hello/src/main.rs", main);
    let args = ["build", "hello", "--output", "oci:img", QUIET];
    let found = format!("contains `{}/src/lib.rs", folder.display());
    let run = sandbox.run(&args);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains(&found), "{}", run.stderr);
    let run = sandbox.run(&[&args[..], &["--deny-paths"]].concat());
    run.fails(1, &found);
}

#[test]
fn a_compile_error_is_reported_by_cargo_and_exits_with_1() {
    let sandbox = Sandbox::new();
    sandbox.write("hello/src/main.rs", "fn main() { oops }\n");
    let run = sandbox.run(&["build", "hello", "--output", "oci:img", QUIET]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    assert!(
        run.stderr.contains("cannot find value `oops`"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .contains("Caused by: Cargo could not compile package `hello`")
    );
}

#[test]
fn the_command_line_is_checked_before_anything_is_done() {
    let sandbox = Sandbox::new();
    for (args, expected) in [
        (
            &["build", "hello", "--output", "img"][..],
            "expected oci:DIR[:NAME], tar:FILE[:NAME]",
        ),
        (
            &["build", "hello", "--output", "oci:i", "--platform", "linux"],
            "is not a platform",
        ),
        (
            &["build", "hello", "--output", "oci:i", "--tag", "-"],
            "a tag is a letter",
        ),
        (
            &[
                "build",
                "hello",
                "--output",
                "oci:i",
                "--platform",
                "linux/s390x",
            ],
            "only linux/amd64",
        ),
    ] {
        let run = sandbox.run(args);
        assert_eq!(run.code, Some(2), "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{args:?}: {}", run.stderr);
    }
    assert!(!sandbox.path().join("target").exists());
}

#[test]
fn a_foreign_directory_is_not_written_into() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["build", "hello", "--output", "oci:lib", QUIET]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("`lib` is not an OCI image layout"),
        "{}",
        run.stderr
    );
}
