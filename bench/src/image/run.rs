//! One run: each packer in each round, and then the measurements of this program only.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use cli::Printer;

use super::engine::Engine;
use super::inputs::Inputs;
use super::nothing_new;
use super::packers::packers;
use super::results::{Large, Packer, Results, SCHEMA_VERSION};
use crate::machine;
use crate::process;

/// The size of the large file, which is sparse, so that it takes no space.
const LARGE_BYTES: u64 = 2 << 30;

/// Measures everything.
///
/// # Errors
/// If a program is missing or fails.
pub(crate) fn run(inputs: &Inputs, printer: Printer) -> anyhow::Result<Results> {
    let inputs = &Inputs {
        imagebuilder: absolute(&inputs.imagebuilder)?,
        crane: inputs.crane.as_deref().map(absolute).transpose()?,
        umoci: inputs.umoci.as_deref().map(absolute).transpose()?,
        buildah: inputs.buildah.as_deref().map(absolute).transpose()?,
        docker: inputs.docker.as_deref().map(absolute).transpose()?,
        compress: absolute(&inputs.compress)?,
        ..inputs.clone()
    };
    let mut machine = machine::describe(&inputs.root);
    let directory = tempfile::tempdir().context("cannot create a directory")?;
    let folder = directory.path();
    write_elf(&folder.join("elf"), &inputs.elf, inputs.file_bytes)?;
    fs::write(folder.join("Dockerfile"), "FROM scratch\nCOPY elf /elf\n")?;
    let engine = inputs.dockerd.as_deref().map(Engine::start).transpose()?;
    let packers = packers(inputs, engine.as_ref());
    let mut results: Vec<_> = packers
        .iter()
        .map(|packer| Packer {
            name: packer.name.clone(),
            ..Packer::default()
        })
        .collect();
    printer.status(&format!("{} rounds of packing", inputs.rounds));
    for round in 0..=inputs.rounds {
        for (packer, result) in packers.iter().zip(&mut results) {
            let (cost, bytes) = packer.pack(folder)?;
            // The first round fills the page cache.
            if round > 0 {
                result.seconds.push(cost.wall.as_secs_f64());
                result.cpu_seconds.push(cost.cpu.as_secs_f64());
                result.peak_rss_bytes = result.peak_rss_bytes.max(cost.peak_rss_bytes);
                result.output_bytes = bytes;
            }
        }
    }
    drop(engine);
    printer.status("Builds of an unchanged package");
    let workspace = folder.join("workspace");
    let nothing_new = nothing_new::measure(&inputs.imagebuilder, &workspace, inputs.rounds)?;
    printer.status("A large file");
    let large = large(&inputs.imagebuilder, folder)?;
    machine.load_after = machine::load();
    Ok(Results {
        schema_version: SCHEMA_VERSION,
        machine,
        rounds: inputs.rounds,
        file_bytes: inputs.file_bytes,
        packers: results,
        nothing_new,
        large,
    })
}

/// A program by its path, since each runs in a folder of its own.
fn absolute(program: &Path) -> anyhow::Result<PathBuf> {
    let path = program.canonicalize();
    path.with_context(|| format!("there is no {}", program.display()))
}

/// Writes a file with this many bytes of machine code, which begins like a program.
fn write_elf(path: &Path, parts: &[PathBuf], bytes: u64) -> anyhow::Result<()> {
    let mut out = File::create(path)?;
    let mut left = bytes;
    for part in parts.iter().cycle() {
        let mut part =
            File::open(part).with_context(|| format!("cannot read {}", part.display()))?;
        left -= io::copy(&mut (&mut part).take(left), &mut out)?;
        if left == 0 {
            break;
        }
        anyhow::ensure!(part.stream_position()? > 0, "an ELF file is empty");
    }
    Ok(())
}

fn large(imagebuilder: &Path, folder: &Path) -> anyhow::Result<Large> {
    File::create(folder.join("large"))?.set_len(LARGE_BYTES)?;
    let words = "assemble --progress quiet large --file large:/large:0755 --entrypoint /large --output oci:large-out";
    let mut command = Command::new(imagebuilder);
    command
        .args(words.split(' '))
        .current_dir(folder)
        .env("XDG_CACHE_HOME", folder.join("large-cache"));
    let cost = process::run(&mut command).context("cannot measure a large file")?;
    Ok(Large {
        file_bytes: LARGE_BYTES,
        seconds: cost.wall.as_secs_f64(),
        peak_rss_bytes: cost.peak_rss_bytes,
    })
}
