//! The section of the document on pushes.

use std::fmt::{self, Write as _};

use super::results::{Program, Results};
use crate::size::{MIB, float};
use crate::spread::{in_brackets, ratio};
use crate::target::{self, Target};

/// Writes the section.
pub(crate) fn write(out: &mut String, results: &Results) -> fmt::Result {
    let Results {
        machine, programs, ..
    } = results;
    writeln!(
        out,
        "## Pushing an image\n\n\
         `bench/registry/run` measures this. An image of {} MB in {} layers is pushed from an OCI layout to \
         Debian's `docker-registry` on the same machine ({}, {} cores, Linux {}), revision `{}`; \
         {} alternating rounds, each with an empty registry; every figure is the median round, a ratio \
         the median of the rounds' ratios. Load average {:.1} before and {:.1} after.\n",
        results.image_bytes / 1_000_000,
        results.layers,
        machine.cpu,
        machine.cpus,
        machine.kernel,
        machine.revision,
        results.rounds,
        machine.load_before,
        machine.load_after,
    )?;
    target::write(out, &targets(results))?;
    writeln!(
        out,
        "| | push, s | CPU, s | CPU of the registry, s | peak memory, MiB | again, ms |\n\
         |---|---|---|---|---|---|"
    )?;
    for program in programs {
        writeln!(
            out,
            "| {} | {} | {} | {} | {:.1} | {} |",
            program.name,
            in_brackets(&program.push_seconds, 1.0, 2),
            in_brackets(&program.push_cpu_seconds, 1.0, 2),
            in_brackets(&program.registry_cpu_seconds, 1.0, 2),
            mib(program.peak_rss_bytes),
            in_brackets(&program.again_seconds, 0.001, 1),
        )?;
    }
    writeln!(
        out,
        "\nThe registry's CPU time is the same for all: it hashes and writes every byte. Together with that \
        of the program, divided by the number of cores, it is a lower bound for the time of a push here. \
        crane sends files with sendfile, without reading them, and leaves it to the registry to detect \
        damage; imagebuilder hashes the bytes that it sends, at the 1.8 GB/s of the machine's SHA instructions, \
        which is most of its CPU time. Where the disk is fast enough for the processors to be the limit, this \
        is what is missing to 0.9 of crane's time: with the hash removed for an experiment, the ratio was \
        0.93 instead of 1.12 in the same seven rounds, both without link-time optimization (0.89 with two \
        bodies at once).\n"
    )
}

fn targets(results: &Results) -> Vec<Target> {
    let [ours, skopeo, crane] = &results.programs[..] else {
        return Vec::new();
    };
    let push = |theirs: &Program| ratio(&ours.push_seconds, &theirs.push_seconds);
    let services = &results.services;
    let requests = f64::from(u32::try_from(results.nothing_new.requests).unwrap_or(u32::MAX));
    let refused = f64::from(services.refused);
    let rows = [
        ("push, times skopeo's", 0.5, push(skopeo), 2),
        ("push, times crane's", 0.9, push(crane), 2),
        ("peak memory, MiB", 64.0, mib(ours.peak_rss_bytes), 1),
        (
            "pushing an existing image, times crane's",
            0.7,
            ratio(&ours.again_seconds, &crane.again_seconds),
            2,
        ),
        ("pushing an existing image, requests", 3.0, requests, 0),
        (
            "pushing an existing image, bytes sent",
            0.0,
            float(results.nothing_new.sent_bytes),
            0,
        ),
        (
            "100 services, time divided by the minimum under Amazon ECR's rates",
            1.1,
            services.seconds / services.allowed_seconds,
            2,
        ),
        ("100 services, requests refused", 0.0, refused, 0),
    ];
    rows.map(|(what, most, measured, digits)| {
        Target::at_most(what, most, "", digits, Some(measured))
    })
    .into()
}

fn mib(count: u64) -> f64 {
    float(count) / MIB
}
