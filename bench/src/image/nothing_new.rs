//! Building an unchanged package, beside Cargo's own time.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::results::NothingNew;
use crate::process::run;

/// How often each is run in a round. The fastest run counts, since it takes milliseconds.
const TIMES: usize = 3;

/// Measures builds of a small package in `folder`.
pub(super) fn measure(
    imagebuilder: &Path,
    folder: &Path,
    rounds: usize,
) -> anyhow::Result<NothingNew> {
    fs::create_dir_all(folder.join("src"))?;
    let manifest =
        "[package]\nname = \"hello\"\nversion = \"1.0.0\"\nedition = \"2024\"\n[workspace]\n";
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::write(
        folder.join("src/main.rs"),
        "fn main() { println!(\"hello\"); }\n",
    )?;
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let cargo = ["build", "--release", "--target", &target];
    let ours = ["build", "--output", "oci:img"];
    let seconds = |program: &Path, arguments: &[&str]| -> anyhow::Result<f64> {
        let mut fastest = f64::INFINITY;
        for _ in 0..TIMES {
            let mut command = Command::new(program);
            command
                .args(arguments)
                .current_dir(folder)
                .env_remove("CARGO_TARGET_DIR");
            fastest = fastest.min(run(&mut command)?.wall.as_secs_f64());
        }
        Ok(fastest)
    };
    let mut results = NothingNew::default();
    for round in 0..=rounds {
        let cargo = seconds("cargo".as_ref(), &cargo)?;
        let ours = seconds(imagebuilder, &ours)?;
        // The first round compiles, and fills the caches.
        if round > 0 {
            results.cargo_seconds.push(cargo);
            results.imagebuilder_seconds.push(ours);
        }
    }
    Ok(results)
}
