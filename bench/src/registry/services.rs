//! A hundred services with the same base, pushed at once under Amazon ECR's rates.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use oci::layout::Layout;
use test_registry::{Behaviour, Limits, TestRegistry};

use super::image::{image, layer};
use super::results::{NothingNew, Services};
use crate::process::run;

const COUNT: usize = 100;
const BASE_BYTES: u64 = 2_000_000;
const SERVICE_BYTES: u64 = 50_000;

/// A name of ECR, so that its rates are known; `--resolve` maps it to this machine.
const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

/// [Its quotas](https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html).
const LIMITS: Limits = Limits {
    put_manifest: 10.0,
    start_upload: 100.0,
    complete_upload: 100.0,
    check_blob: 1000.0,
};

pub(crate) fn measure(imagebuilder: &Path) -> anyhow::Result<Services> {
    let directory = tempfile::tempdir()?;
    let layout = Layout::create(directory.path())?;
    let base = layer(&layout, BASE_BYTES, 1)?;
    for number in 0..COUNT {
        let own = layer(&layout, SERVICE_BYTES, 1000 + number as u64)?;
        let name = format!("team/service-{number}:v1");
        image(&layout, &name, vec![base.clone(), own])?;
    }
    let server = TestRegistry::start(Behaviour {
        limits: Some(LIMITS),
        patch_status: 201,
        manifest_location: false,
        ..Behaviour::default()
    });
    let host = server.host();
    let (address, port) = host.split_once(':').unwrap_or_default();
    let cost = run(Command::new(imagebuilder)
        .arg("push")
        .arg(format!("oci:{}", directory.path().display()))
        .args(["--repo", &format!("{HOST}:{port}"), "--plain-http"])
        .args(["--resolve", &format!("{HOST}:{port}:{address}")])
        .args(["--docker-config", "/nonexistent", "--progress", "quiet"])
        .env("AWS_EC2_METADATA_DISABLED", "true"))?;
    for number in 0..COUNT {
        let repository = format!("team/service-{number}");
        let there = server.tag(&repository, "v1").is_some();
        ensure!(there, "{repository} was not pushed");
    }
    let seen = server.seen();
    let base_sent = seen
        .iter()
        .filter(|seen| seen.method == "PUT" && seen.body_bytes == base.size);
    // A second's quota at once, and the rest at the constant rate.
    let rest = f64::from(u32::try_from(COUNT)?) - LIMITS.put_manifest;
    Ok(Services {
        count: COUNT,
        seconds: cost.wall.as_secs_f64(),
        allowed_seconds: rest / LIMITS.put_manifest,
        refused: server.refused_rates(),
        base_sent: base_sent.count(),
    })
}

/// The requests of pushing an existing image.
pub(crate) fn nothing_new(imagebuilder: &Path, layout: &Path) -> anyhow::Result<NothingNew> {
    let server = TestRegistry::start(Behaviour::default());
    let push = || {
        run(Command::new(imagebuilder)
            .arg("push")
            .arg(format!("oci:{}", layout.display()))
            .arg(format!("{}/large:v1", server.host()))
            .args(["--docker-config", "/nonexistent", "--progress", "quiet"]))
    };
    push()?;
    server.forget();
    push()?;
    let seen = server.seen();
    Ok(NothingNew {
        requests: seen.len(),
        sent_bytes: seen.iter().map(|seen| seen.body_bytes).sum(),
    })
}
