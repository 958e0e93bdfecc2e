//! One run: each program in each round, and then the measurements of this program only.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use cli::Printer;

use super::results::{Program, Results, SCHEMA_VERSION};
use super::server::Server;
use super::{image, services};
use crate::machine;
use crate::process::{Cost, run as run_once};

const LAYERS: usize = 10;

/// How often an existing image is pushed again. The fastest push counts, since it takes milliseconds.
const AGAIN: usize = 5;

/// The inputs of a run.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    pub(crate) root: PathBuf,
    pub(crate) imagebuilder: PathBuf,
    pub(crate) crane: PathBuf,
    pub(crate) rounds: usize,
    pub(crate) image_bytes: u64,
}

/// A program that pushes.
struct Pusher {
    name: &'static str,
    program: PathBuf,
    /// The arguments before the common ones.
    arguments: fn(&Path, &str) -> Vec<String>,
}

fn pushers(inputs: &Inputs) -> [Pusher; 3] {
    [
        Pusher {
            name: "imagebuilder",
            program: inputs.imagebuilder.clone(),
            arguments: |layout, target| {
                let source = format!("oci:{}", layout.display());
                let more = ["--docker-config", "/nonexistent", "--progress", "quiet"];
                let mut arguments = vec!["push".to_owned(), source, target.to_owned()];
                arguments.extend(more.map(str::to_owned));
                arguments
            },
        },
        Pusher {
            name: "skopeo",
            program: "skopeo".into(),
            arguments: |layout, target| {
                let source = format!("oci:{}:large:v1", layout.display());
                let options = ["copy", "--insecure-policy", "--dest-tls-verify=false"];
                let mut arguments: Vec<_> = options.map(str::to_owned).into();
                arguments.extend([source, format!("docker://{target}")]);
                arguments
            },
        },
        Pusher {
            name: "crane",
            program: inputs.crane.clone(),
            arguments: |layout, target| {
                let layout = layout.display().to_string();
                let options = ["push", "--insecure"];
                let mut arguments: Vec<_> = options.map(str::to_owned).into();
                arguments.extend([layout, target.to_owned()]);
                arguments
            },
        },
    ]
}

impl Pusher {
    fn push(&self, layout: &Path, server: &Server, home: &Path) -> anyhow::Result<Cost> {
        let target = format!("{}/large:v1", server.host());
        let mut command = Command::new(&self.program);
        command
            .args((self.arguments)(layout, &target))
            .env("HOME", home)
            .env("DOCKER_CONFIG", home);
        run_once(&mut command).with_context(|| format!("cannot measure {}", self.name))
    }
}

/// Measures everything.
///
/// # Errors
/// If a program or the registry is missing or fails.
pub(crate) fn run(inputs: &Inputs, printer: Printer) -> anyhow::Result<Results> {
    let mut machine = machine::describe(&inputs.root);
    let directory = tempfile::tempdir().context("cannot create a directory")?;
    let layout = directory.path().join("layout");
    printer.status("Writing an image");
    image::large(&layout, inputs.image_bytes, LAYERS)?;
    let pushers = pushers(inputs);
    let mut programs: Vec<_> = pushers
        .iter()
        .map(|pusher| Program {
            name: pusher.name.to_owned(),
            ..Program::default()
        })
        .collect();
    printer.status(&format!("{} rounds of pushes", inputs.rounds));
    for round in 0..=inputs.rounds {
        for (pusher, program) in pushers.iter().zip(&mut programs) {
            let home = tempfile::tempdir()?;
            let server = Server::start()?;
            let before = server.cpu_time();
            let cost = pusher.push(&layout, &server, home.path())?;
            let registry = server.cpu_time().saturating_sub(before);
            let mut again = f64::INFINITY;
            for _ in 0..AGAIN {
                let cost = pusher.push(&layout, &server, home.path())?;
                again = again.min(cost.wall.as_secs_f64());
            }
            // The first round fills the caches.
            if round > 0 {
                program.push_seconds.push(cost.wall.as_secs_f64());
                program.push_cpu_seconds.push(cost.cpu.as_secs_f64());
                program.registry_cpu_seconds.push(registry.as_secs_f64());
                program.again_seconds.push(again);
                program.peak_rss_bytes = program.peak_rss_bytes.max(cost.peak_rss_bytes);
            }
        }
    }
    printer.status("The requests of pushing an existing image");
    let nothing_new = services::nothing_new(&inputs.imagebuilder, &layout)?;
    printer.status("A hundred services");
    let services = services::measure(&inputs.imagebuilder)?;
    machine.load_after = machine::load();
    Ok(Results {
        schema_version: SCHEMA_VERSION,
        machine,
        rounds: inputs.rounds,
        image_bytes: inputs.image_bytes,
        layers: LAYERS,
        programs,
        nothing_new,
        services,
    })
}
