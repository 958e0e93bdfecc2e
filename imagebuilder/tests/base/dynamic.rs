//! Binaries that are linked dynamically: their loader and libraries are looked up in the base.

use std::fs;
use std::path::Path;
use std::process::Command;

use oci::Platform;

use crate::bases::{File, base, release};
use crate::sandbox::c::with_c;
use crate::sandbox::{QUIET, Run, Sandbox, tool};

/// The loader and libraries that a small program needs here, as `ldd` finds them.
fn libraries() -> Vec<File> {
    let own = std::env::current_exe().unwrap();
    let output = Command::new("ldd").arg(own).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let paths = text.split_whitespace().filter(|word| word.starts_with('/'));
    let files = paths.map(|path| {
        let bytes = fs::read(path).unwrap();
        (path[1..].to_owned(), bytes)
    });
    files.collect()
}

fn build(sandbox: &Sandbox, on: &str, more: &[&str]) -> Run {
    let args = [
        "build", "hello", "--libc", "glibc", "--base", on, "--output", "oci:img", QUIET,
    ];
    sandbox.run(&[&args[..], more].concat())
}

fn host() -> String {
    Platform::host().to_string()
}

#[test]
fn on_scratch_it_is_refused_with_a_hint() {
    let sandbox = Sandbox::new();
    let run = build(&sandbox, "scratch", &[]);
    run.fails(2, "hint: add a base that has glibc, such as --base ");
    assert!(!sandbox.path().join("img").exists());
}

#[test]
fn a_base_with_its_libraries_is_accepted_and_the_program_runs_there() {
    let sandbox = Sandbox::new();
    let mut files = release("1");
    files.extend(libraries());
    base(&sandbox.path().join("os"), "x", &[&host()], &files);
    let run = build(&sandbox, "oci:os", &[]);
    run.reference();
    let root = sandbox.path().join("bundle/rootfs");
    tool(
        sandbox.path(),
        "umoci",
        &["unpack", "--image", "img:team/hello", "bundle"],
    );
    let root = root.display().to_string();
    let output = tool(
        sandbox.path(),
        "chroot",
        &[&root, "/usr/local/bin/hello", "--x"],
    );
    assert_eq!(output, "2\n");
    // The result is cached; the layers are not read again.
    let args = [
        "build", "hello", "--libc", "glibc", "--base", "oci:os", "--output", "oci:img",
    ];
    let again = sandbox.run(&args);
    assert!(
        !again.stderr.contains("Reading the layers"),
        "{}",
        again.stderr
    );
    fs::remove_dir_all(sandbox.path().join("target/imagebuilder-cache")).unwrap();
    let again = sandbox.run(&args);
    assert!(
        again
            .stderr
            .contains("Reading the layers of oci:os to check the binary against its libraries"),
        "{}",
        again.stderr
    );
}

#[test]
fn missing_libraries_are_reported_before_anything_is_stored() {
    let sandbox = Sandbox::new();
    let path = sandbox.path().join("os");
    let without = |wanted: &dyn Fn(&str) -> bool| {
        let files = libraries().into_iter();
        files.filter(|(path, _)| wanted(path)).collect::<Vec<_>>()
    };
    base(&path, "empty", &[&host()], &release("1"));
    base(
        &path,
        "no-gcc",
        &[&host()],
        &without(&|path| !path.contains("libgcc_s")),
    );
    let mut old = without(&|path| !path.ends_with("libc.so.6"));
    let libc = libraries();
    let (libc, _) = libc
        .iter()
        .find(|(path, _)| path.ends_with("libc.so.6"))
        .unwrap();
    old.push((libc.clone(), old_libc(sandbox.path())));
    base(&path, "old", &[&host()], &old);
    for (name, expected) in [
        ("empty", "needs the dynamic loader /lib"),
        (
            "no-gcc",
            "needs `libgcc_s.so.1`, which oci:os:no-gcc does not have",
        ),
        ("old", "but oci:os:old has 2.5"),
    ] {
        let run = build(&sandbox, &format!("oci:os:{name}"), &[]);
        assert_eq!(
            (run.code, run.stdout.as_str()),
            (Some(1), ""),
            "{name}: {}",
            run.stderr
        );
        assert!(run.stderr.contains(expected), "{name}: {}", run.stderr);
        assert!(
            run.stderr.contains("hint: choose a"),
            "{name}: {}",
            run.stderr
        );
    }
    let listed = sandbox.run(&["inspect", "oci:img"]);
    assert_eq!(listed.code, Some(2), "{}", listed.stdout);
}

#[test]
fn code_in_c_has_no_path_of_this_machine() {
    let [first, second] = [(); 2].map(|()| {
        let sandbox = with_c();
        let files = libraries();
        base(&sandbox.path().join("os"), "x", &[&host()], &files);
        let run = build(&sandbox, "oci:os", &[]);
        assert_eq!(run.stderr, "");
        run.reference()
    });
    assert_eq!(first, second);
}

/// A library that defines the symbol versions of an old glibc.
fn old_libc(folder: &Path) -> Vec<u8> {
    fs::write(folder.join("x.c"), "int x;\n").unwrap();
    fs::write(
        folder.join("x.map"),
        "GLIBC_2.2.5 { x; };\nGLIBC_2.5 {};\nGLIBC_PRIVATE {};\n",
    )
    .unwrap();
    let args = [
        "-shared",
        "-nostdlib",
        "-Wl,--version-script=x.map",
        "-o",
        "old.so",
        "x.c",
    ];
    tool(folder, "cc", &args);
    fs::read(folder.join("old.so")).unwrap()
}
