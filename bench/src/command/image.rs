//! `bench image`.

use std::path::PathBuf;

use cli::Printer;

use super::peers::warn_of_missing;
use crate::image::{self, results::Results};

#[derive(Debug, clap::Args)]
pub(super) struct ImageArguments {
    /// The release binary of imagebuilder
    #[arg(long, value_name = "FILE")]
    imagebuilder: PathBuf,
    /// Static ELF files; together they are what is packed
    #[arg(long, value_name = "FILE", required = true)]
    elf: Vec<PathBuf>,
    /// crane's binary; without it crane is not measured
    #[arg(long, value_name = "FILE")]
    crane: Option<PathBuf>,
    /// umoci's binary; without it umoci is not measured
    #[arg(long, value_name = "FILE")]
    umoci: Option<PathBuf>,
    /// buildah's binary; without it buildah is not measured
    #[arg(long, value_name = "FILE")]
    buildah: Option<PathBuf>,
    /// Docker's client; without it and its engine Docker is not measured
    #[arg(long, value_name = "FILE", requires = "dockerd")]
    docker: Option<PathBuf>,
    /// Docker's engine, which is started
    #[arg(long, value_name = "FILE", requires = "docker")]
    dockerd: Option<PathBuf>,
    /// The release build of the benchmark's `compress`, which only hashes and compresses
    #[arg(long, value_name = "FILE")]
    compress: PathBuf,
    /// Rounds of each program
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// Size of the file, in MB
    #[arg(long, default_value_t = 42, value_parser = clap::value_parser!(u32).range(1..=4000))]
    megabytes: u32,
}

impl ImageArguments {
    pub(super) fn measure(self, root: PathBuf, printer: Printer) -> anyhow::Result<Results> {
        let peers = [
            ("crane (--crane)", self.crane.is_some()),
            ("umoci (--umoci)", self.umoci.is_some()),
            ("buildah (--buildah)", self.buildah.is_some()),
            ("Docker (--docker, --dockerd)", self.docker.is_some()),
        ];
        warn_of_missing(printer, &peers);
        let inputs = image::Inputs {
            root,
            imagebuilder: self.imagebuilder,
            elf: self.elf,
            crane: self.crane,
            umoci: self.umoci,
            buildah: self.buildah,
            docker: self.docker,
            dockerd: self.dockerd,
            compress: self.compress,
            rounds: self.rounds.into(),
            file_bytes: u64::from(self.megabytes) * 1_000_000,
        };
        image::run(&inputs, printer)
    }
}
