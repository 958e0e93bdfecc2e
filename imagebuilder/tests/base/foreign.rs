//! Binaries that are linked with the glibc of a base for the other architecture, and what they need.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::bases::{File, base};
use crate::sandbox::c::{path, with_c, zig};
use crate::sandbox::{QUIET, Run, Sandbox, tool};

/// The architecture that this machine does not have, by Rust's and by OCI's name.
const OTHER: (&str, &str) = if cfg!(target_arch = "aarch64") {
    ("x86_64", "linux/amd64")
} else {
    ("aarch64", "linux/arm64")
};

/// Debian's glibc for the other architecture, as a base has it.
fn libraries() -> Vec<File> {
    let (architecture, _) = OTHER;
    let folder = PathBuf::from(format!("/usr/{architecture}-linux-gnu/lib"));
    let (loader, of_base) = if architecture == "aarch64" {
        ("ld-linux-aarch64.so.1", "lib")
    } else {
        ("ld-linux-x86-64.so.2", "lib64")
    };
    let mut files = Vec::new();
    for name in [
        "libc.so.6",
        "libdl.so.2",
        "libgcc_s.so.1",
        "libpthread.so.0",
    ] {
        files.push((format!("lib/{name}"), read(&folder.join(name))));
    }
    files.push((format!("{of_base}/{loader}"), read(&folder.join(loader))));
    files
}

fn read(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path);
    bytes.unwrap_or_else(|error| panic!("`dev/install test` installs {}: {error}", path.display()))
}

/// The other architecture's GCC, its binutils, and nothing else that is beside them.
fn gcc(sandbox: &Sandbox) -> PathBuf {
    let folder = sandbox.path().join("gcc");
    fs::create_dir_all(&folder).unwrap();
    for tool in ["gcc", "ar", "ranlib"] {
        let name = format!("{}-linux-gnu-{tool}", OTHER.0);
        let program = Path::new("/usr/bin").join(&name);
        assert!(program.exists(), "`dev/install test` installs {name}");
        std::os::unix::fs::symlink(program, folder.join(name)).unwrap();
    }
    folder
}

/// Builds `hello` on a base that has its libraries.
fn build(sandbox: &Sandbox, path: &OsStr) -> Run {
    let os = sandbox.path().join("os");
    if !os.exists() {
        base(&os, "x", &[OTHER.1], &libraries());
    }
    let args = ["build", "hello", "--libc", "glibc", "--base", "oci:os"];
    let more = ["--platform", OTHER.1, "--output", "oci:img", QUIET];
    let mut command = sandbox.command(&[&args[..], &more].concat());
    command.env("PATH", path);
    command.env_remove("CARGO");
    Run::of(sandbox.path(), command.output().unwrap())
}

/// Runs the program of the image with the libraries of its base.
fn execute(sandbox: &Sandbox) -> String {
    let args = ["unpack", "--image", "img:team/hello", "bundle"];
    tool(sandbox.path(), "umoci", &args);
    let root = sandbox.path().join("bundle/rootfs");
    let program = root.join("usr/local/bin/hello").display().to_string();
    let qemu = format!("qemu-{}-static", OTHER.0);
    tool(
        sandbox.path(),
        &qemu,
        &["-L", &root.display().to_string(), &program],
    )
}

#[test]
fn its_gcc_or_zig_links_it_and_any_folder_gives_one_digest() {
    for name in ["gcc", "zig"] {
        let [(one, first), (_, second)] = [(); 2].map(|()| {
            let sandbox = with_c();
            let compiler = if name == "gcc" { gcc(&sandbox) } else { zig() };
            let run = build(&sandbox, &path(&sandbox, &[compiler], &[]));
            (sandbox, run)
        });
        assert_eq!(first.stderr, "", "{name}");
        assert_eq!(execute(&one), "/workspace/hello/native.c 42 \n", "{name}");
        assert_eq!(first.reference(), second.reference(), "{name}");
    }
}

#[test]
fn a_missing_linker_is_one_line_that_says_what_to_install() {
    let sandbox = Sandbox::new();
    let run = build(&sandbox, &path(&sandbox, &[], &[]));
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let architecture = OTHER.0;
    let variable = architecture.to_ascii_uppercase();
    assert_eq!(
        run.stderr,
        format!(
            "error: cannot build an image of `hello`\n  \
             Caused by: there is no linker for {architecture}-unknown-linux-gnu\n\
             hint: install zig (`pip install ziglang`), or `{architecture}-linux-gnu-gcc`, or set \
             CARGO_TARGET_{variable}_UNKNOWN_LINUX_GNU_LINKER\n"
        )
    );
    let listed = sandbox.run(&["inspect", "oci:img"]);
    assert_eq!(listed.code, Some(2), "{}", listed.stdout);
}
