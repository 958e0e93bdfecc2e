//! A program that compiles C, and the compilers that a build finds.

#![allow(
    clippy::disallowed_methods,
    reason = "a test builds the environment of a program"
)]

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::Sandbox;

/// A workspace whose program calls a function in C that contains the path of its file.
pub(crate) fn with_c() -> Sandbox {
    with_c_and("")
}

/// The same with these lines below `[dependencies]`.
pub(crate) fn with_c_and(lines: &str) -> Sandbox {
    let sandbox = Sandbox::with_dependencies(&format!("{lines}[build-dependencies]\ncc = \"1\"\n"));
    sandbox.write(
        "hello/build.rs",
        "fn main() {
             println!(\"cargo::rustc-env=MODE={}\", std::env::var(\"MODE\").unwrap_or_default());
             let file = std::env::current_dir().unwrap().join(\"native.c\");
             cc::Build::new().file(file).compile(\"native\");
         }",
    );
    sandbox.write(
        "hello/native.c",
        "#include <stdio.h>
         #include <stdlib.h>
         int answer(int n) {
             char text[16];
             snprintf(text, sizeof text, \"%d\", n);
             printf(\"%s \", __FILE__);
             fflush(stdout);
             return atoi(text) + 1;
         }",
    );
    sandbox.write(
        "hello/src/main.rs",
        "unsafe extern \"C\" { fn answer(n: i32) -> i32; }
         fn main() { println!(\"{} {}\", unsafe { answer(41) }, env!(\"MODE\")); }",
    );
    sandbox
}

/// The folder with a Python that has `ziglang`.
pub(crate) fn zig() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/zig/bin");
    assert!(folder.exists(), "`dev/install test` installs zig");
    folder
}

/// A `PATH` of only `folders` and the programs that every build needs.
pub(crate) fn path(sandbox: &Sandbox, folders: &[PathBuf], tools: &[&str]) -> OsString {
    let bin = sandbox.path().join("bin");
    fs::create_dir_all(&bin).unwrap();
    for tool in ["cargo", "rustc", "rustup", "cc", "ld", "as", "sh", "rm"]
        .iter()
        .chain(tools)
    {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|folder| folder.join(tool))
            .find(|file| file.exists());
        let link = bin.join(tool);
        if let Some(found) = found
            && !link.exists()
        {
            symlink(found, link).unwrap();
        }
    }
    std::env::join_paths(folders.iter().chain([&bin])).unwrap()
}
