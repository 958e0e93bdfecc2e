//! The section of the document on packing.

use std::fmt::{self, Write as _};

use super::packers::ALONE;
use super::results::{Packer, Results};
use crate::size::{MIB, float};
use crate::spread::{Spread, in_brackets, ratio};
use crate::target::{self, Target};

/// Writes the section.
pub(crate) fn write(out: &mut String, results: &Results) -> fmt::Result {
    let Results {
        machine, packers, ..
    } = results;
    writeln!(
        out,
        "## Packing an image\n\n\
         `bench/image/run` measures this. A program of {} MB is packed into an image in an OCI layout or a \
         tar, without anything left from an earlier run, on {machine}. {} alternating rounds; every figure \
         is the median round, a ratio the median of the rounds' ratios. Load average {:.1} before and {:.1} \
         after.\n",
        results.file_bytes / 1_000_000,
        results.rounds,
        machine.load_before,
        machine.load_after,
    )?;
    machine.warn_if_busy(out)?;
    target::write(out, &targets(results))?;
    writeln!(
        out,
        "| | time, s | CPU, s | peak memory, MiB | image, MB |\n|---|---|---|---|---|"
    )?;
    for packer in packers {
        writeln!(
            out,
            "| {} | {} | {} | {:.1} | {:.1} |",
            packer.name,
            in_brackets(&packer.seconds, 1.0, 2),
            in_brackets(&packer.cpu_seconds, 1.0, 2),
            float(packer.peak_rss_bytes) / MIB,
            float(packer.output_bytes) / 1e6,
        )?;
    }
    writeln!(
        out,
        "\nHashing and compressing alone (`bench/src/bin/compress.rs`) takes the digest of the file, \
         compresses its blocks by the codec and level of imagebuilder's gzip, takes the digest of that, and \
         stores nothing. Docker's engine, whose CPU time and memory are not in its row, is started before."
    )?;
    let nothing_new = &results.nothing_new;
    writeln!(
        out,
        "\nBuilding an unchanged small package takes Cargo {} ms, and imagebuilder, which runs Cargo, {} ms. Before, it \
         has to ask Cargo for the workspace and rustc for the toolchain, at once: 25 and 20 ms of CPU time, of which \
         12 and 7 are rustup's proxies (`perf stat -r 15`). Where that is rustup's, Cargo is then run without its \
         proxy.\n",
        in_brackets(&nothing_new.cargo_seconds, 0.001, 0),
        in_brackets(&nothing_new.imagebuilder_seconds, 0.001, 0),
    )
}

fn targets(results: &Results) -> Vec<Target> {
    let mut ours = results.packers.iter();
    let ours = ours.find(|packer| packer.name == "imagebuilder, gzip");
    let alone = results.packers.iter().find(|packer| packer.name == ALONE);
    let theirs = results
        .packers
        .iter()
        .filter(|packer| !packer.name.starts_with("imagebuilder") && packer.name != ALONE);
    let median = |packer: &Packer| Spread::of(&packer.seconds).median;
    let fastest = theirs.min_by(|a, b| median(a).total_cmp(&median(b)));
    let nothing_new = &results.nothing_new;
    let above: Vec<f64> = nothing_new
        .imagebuilder_seconds
        .iter()
        .zip(&nothing_new.cargo_seconds)
        .map(|(ours, cargo)| (ours - cargo) * 1000.0)
        .collect();
    vec![
        Target::at_most("packing, with gzip", 0.25, " s", 2, ours.map(median)),
        Target::at_most(
            "packing with gzip, times the fastest other program",
            0.5,
            "",
            2,
            ours.zip(fastest)
                .map(|(ours, other)| ratio(&ours.seconds, &other.seconds)),
        ),
        Target::at_most(
            "packing with gzip, times hashing and compressing alone",
            1.3,
            "",
            2,
            ours.zip(alone)
                .map(|(ours, alone)| ratio(&ours.seconds, &alone.seconds)),
        ),
        Target::at_most(
            "peak memory, with gzip",
            64.0,
            " MiB",
            1,
            ours.map(|ours| float(ours.peak_rss_bytes) / MIB),
        ),
        Target::at_most(
            "peak memory with a file of 2 GiB",
            64.0,
            " MiB",
            1,
            Some(float(results.large.peak_rss_bytes) / MIB),
        ),
        Target::at_most(
            "unchanged package, in addition to Cargo's own time",
            30.0,
            " ms",
            0,
            (!above.is_empty()).then(|| Spread::of(&above).median),
        ),
    ]
}
