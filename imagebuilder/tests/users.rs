//! Two users build the same sources to the same image: one with this machine's homes of Cargo and rustup, and one
//! with a toolchain of its own and a home of Cargo into which nothing was unpacked yet, as on a new machine.
//!
//! Needs root, `unshare` and `setpriv` of util-linux, and `ziglang` of `PyPI` in `target/zig`, which
//! `dev/install test` installs.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test builds the environment of a program"
)]

mod sandbox;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sandbox::c::{path, with_c_and, zig};
use crate::sandbox::{QUIET, Run, Sandbox, tool};

const BUILD: [&str; 8] = [
    "build",
    "hello",
    "--platform",
    "linux/amd64,linux/arm64",
    "--sbom",
    "--output",
    "oci:img",
    QUIET,
];

/// A program that compiles C, and has paths of its own and of a dependency in Cargo's home.
fn workspace() -> Sandbox {
    let sandbox = with_c_and("serde_json = \"1\"\n");
    sandbox.write(
        "hello/src/main.rs",
        "unsafe extern \"C\" { fn answer(n: i32) -> i32; }
         fn main() {
             let text = format!(\"[{}]\", unsafe { answer(41) });
             let json: serde_json::Value = serde_json::from_str(&text).unwrap();
             println!(\"{json}\");
         }",
    );
    sandbox
}

/// A home for user 65534, with a Cargo home that has what `lock` needs.
fn home(lock: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let from = std::env::var_os("CARGO_HOME").map_or_else(
        || std::env::home_dir().unwrap().join(".cargo"),
        PathBuf::from,
    );
    let field = |line: &str, name: &str| {
        let value = line.strip_prefix(name)?.strip_prefix(" = \"")?;
        Some(value.strip_suffix('"')?.to_owned())
    };
    let copy = |file: &Path| {
        let to = home
            .path()
            .join("cargo")
            .join(file.strip_prefix(&from).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(file, to).unwrap();
    };
    let registry = fs::read_dir(from.join("registry/index")).unwrap();
    let registry = registry.map(|entry| entry.unwrap().file_name());
    let registry = registry.last().expect("Cargo has used crates.io");
    let index = from.join("registry/index").join(&registry);
    copy(&index.join("config.json"));
    let mut name = String::new();
    for line in lock.lines() {
        if let Some(value) = field(line, "name") {
            name = value;
        }
        let Some(version) = field(line, "version") else {
            continue;
        };
        let file = format!("{name}-{version}.crate");
        let file = from.join("registry/cache").join(&registry).join(file);
        // Members of the workspace are in no registry, and dependencies for other systems were not fetched.
        if file.exists() {
            copy(&file);
        }
        let entry = match name.len() {
            1 | 2 => format!("{}/{name}", name.len()),
            3 => format!("3/{}/{name}", &name[..1]),
            _ => format!("{}/{}/{name}", &name[..2], &name[2..4]),
        };
        let entry = index.join(".cache").join(entry);
        if entry.exists() {
            copy(&entry);
        }
    }
    if from.join("config.toml").exists() {
        copy(&from.join("config.toml"));
    }
    let program = home.path().join("imagebuilder");
    test_programs::copy(Path::new(env!("CARGO_BIN_EXE_imagebuilder")), &program);
    home
}

/// Builds as user 65534, whose toolchain is in the home, with another umask, time zone and language.
fn build_as_another(sandbox: &Sandbox, home: &Path) -> Run {
    let rust = tool(sandbox.path(), "rustc", &["--print", "sysroot"]);
    // Python itself may be in a folder that is not for others.
    let python = zig().join("python3").display().to_string();
    let code = "import ziglang; print(ziglang.__path__[0])";
    let zig = tool(sandbox.path(), &python, &["-c", code]);
    for folder in ["rust", "zig"] {
        fs::create_dir(home.join(folder)).unwrap();
    }
    for owned in [home, sandbox.path()] {
        let owned = owned.display().to_string();
        tool(sandbox.path(), "chown", &["-R", "65534:65534", &owned]);
    }
    let script = "home=$1 rust=$2 zig=$3; shift 3
        mount --bind \"$rust\" \"$home/rust\"
        mount --bind \"$zig\" \"$home/zig\"
        umask 077
        exec setpriv --reuid 65534 --regid 65534 --clear-groups env -i \
            HOME=\"$home\" CARGO_HOME=\"$home/cargo\" LANG=tr_TR.UTF-8 TZ=Asia/Tokyo USER=other \
            PATH=\"$home/rust/bin:$home/zig:/usr/bin:/bin\" \"$home/imagebuilder\" \"$@\"";
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-ec", script, "sh"])
        .args([
            &*home.display().to_string(),
            rust.trim_end(),
            zig.trim_end(),
        ])
        .args(BUILD)
        .arg("--offline")
        .current_dir(sandbox.path())
        .output();
    let output = output.unwrap_or_else(|error| panic!("`unshare` is needed here: {error}"));
    Run::of(sandbox.path(), output)
}

#[test]
fn two_users_give_one_digest() {
    let (one, other) = (workspace(), workspace());
    let mut command = one.command(&BUILD);
    command.env("PATH", path(&one, &[zig()], &[]));
    command.env_remove("CARGO");
    let first = Run::of(one.path(), command.output().unwrap());
    assert_eq!(first.stderr, "");
    let home = home(&one.read("Cargo.lock"));
    other.write("Cargo.lock", &one.read("Cargo.lock"));
    let second = build_as_another(&other, home.path());
    assert_eq!(second.stderr, "");
    assert_eq!(first.reference(), second.reference());
    // With the bills of materials.
    assert_eq!(one.read("img/index.json"), other.read("img/index.json"));
}
