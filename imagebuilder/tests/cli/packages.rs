//! Which packages `build` builds, and where it finds them.

use std::fs;
use std::os::unix::fs::symlink;

use crate::sandbox::{QUIET, Run, Sandbox};

#[test]
fn a_workspace_is_found_through_a_link() {
    let sandbox = Sandbox::empty();
    let inside = Sandbox::new();
    let plain = sandbox.path().join("real/plain");
    fs::create_dir(sandbox.path().join("real")).unwrap();
    fs::rename(inside.path(), &plain).unwrap();
    symlink("real/plain", sandbox.path().join("link")).unwrap();
    symlink("real", sandbox.path().join("parent")).unwrap();
    sandbox.write("pod.yaml", "image: cargo://hello\n");
    let path = |name: &str| sandbox.path().join(name).display().to_string();
    let run = |directory: &str, args: &[&str]| {
        let mut command = sandbox.command(args);
        command.current_dir(sandbox.path().join(directory));
        Run::of(sandbox.path(), command.output().unwrap())
    };
    let build = |directory: &str, manifest: &str| {
        let args = ["build", "hello", QUIET, "--manifest-path", manifest];
        run(directory, &args).reference()
    };
    let expected = build("", "real/plain/Cargo.toml");
    let links = [
        ("", "link/Cargo.toml".to_owned()),
        ("", "link/hello/Cargo.toml".to_owned()),
        ("", path("parent/plain/Cargo.toml")),
        ("link", path("link/Cargo.toml")),
    ];
    for (directory, manifest) in links {
        // Compiled again, so that the digest is that of this path.
        fs::remove_dir_all(plain.join("target")).unwrap();
        assert_eq!(build(directory, &manifest), expected, "{manifest}");
    }
    let resolve = [
        "resolve",
        "-f",
        "pod.yaml",
        QUIET,
        "--manifest-path",
        "link/Cargo.toml",
    ];
    assert_eq!(run("", &resolve).stdout, format!("image: {expected}\n"));
}

/// Writes the workspace's manifest with these lines.
fn workspace(sandbox: &Sandbox, lines: &str) {
    sandbox.write(
        "Cargo.toml",
        &format!("[workspace]\nresolver = \"3\"\n{lines}"),
    );
}

#[test]
fn the_default_members_of_a_workspace_are_built_by_default() {
    let sandbox = Sandbox::new();
    let all = "members = [\"hello\", \"lib\", \"two\"]\n";
    workspace(
        &sandbox,
        &format!("{all}default-members = [\"hello\", \"lib\"]\n"),
    );
    let reference = sandbox.run(&["build", QUIET]).reference();
    assert_eq!(reference.name(), "team/hello");
    workspace(&sandbox, &format!("{all}default-members = [\"two\"]\n"));
    sandbox
        .run(&["build", QUIET])
        .fails(2, "package `two` has several binaries");
    // As in Cargo, they also come before the package in the root.
    workspace(
        &sandbox,
        &format!(
            "{all}default-members = [\"hello\"]\n\
             [package]\nname = \"root\"\nversion = \"1.2.3\"\nedition = \"2024\"\n"
        ),
    );
    sandbox.write("src/main.rs", "fn main() {}\n");
    assert_eq!(sandbox.run(&["build", QUIET]).reference(), reference);
}

#[test]
fn a_workspace_without_a_binary_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.package("other", "");
    sandbox.write("other/src/lib.rs", "");
    workspace(&sandbox, "members = [\"lib\", \"other\"]\n");
    let run = sandbox.run(&["build", QUIET]);
    let expected = "error: no package of `[WS]/Cargo.toml` has a binary to put into an image\n\
                    hint: an image runs a program: give the package a src/main.rs or a [[bin]]\n";
    assert_eq!((run.code, &*run.stderr), (Some(2), expected));
}

#[test]
fn a_package_that_is_named_twice_is_built_once() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["build", "hello", "hello@1.2.3", "./hello", QUIET]);
    assert_eq!(run.reference().name(), "team/hello");
}

#[test]
fn an_output_with_a_name_takes_one_image() {
    let sandbox = Sandbox::new();
    sandbox.package("other", "");
    sandbox.write("other/src/main.rs", "fn main() {}\n");
    workspace(&sandbox, "members = [\"hello\", \"lib\", \"other\"]\n");
    let run = sandbox.run(&["build", "hello", "other", "--output", "oci:o:foo", QUIET]);
    let expected = "error: the images of `hello` and `other` have the same name, `foo`\n\
                    hint: leave the name out of --output, so that each image has its own\n";
    assert_eq!((run.code, &*run.stderr), (Some(2), expected));
}

#[test]
fn a_machine_without_cargo_gets_a_hint() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["build", "hello", QUIET]);
    let output = command.env("CARGO", "/none/cargo").output().unwrap();
    let run = Run::of(sandbox.path(), output);
    let expected = "error: cannot build an image of `hello`\n  \
                    Caused by: cannot run `/none/cargo`\n  \
                    Caused by: No such file or directory (os error 2)\n\
                    hint: install Rust: https://rustup.rs\n";
    assert_eq!((run.code, &*run.stderr), (Some(1), expected));
}
