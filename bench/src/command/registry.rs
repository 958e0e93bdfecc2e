//! `bench registry`.

use std::path::PathBuf;

use cli::Printer;

use crate::registry::{self, results::Results};

#[derive(Debug, clap::Args)]
pub(super) struct RegistryArguments {
    /// The release binary of imagebuilder
    #[arg(long, value_name = "FILE")]
    imagebuilder: PathBuf,
    /// crane's binary
    #[arg(long, value_name = "FILE")]
    crane: PathBuf,
    /// Rounds of each program
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// Size of the image, in MB
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=4000))]
    megabytes: u32,
}

impl RegistryArguments {
    pub(super) fn measure(self, root: PathBuf, printer: Printer) -> anyhow::Result<Results> {
        let inputs = registry::Inputs {
            root,
            imagebuilder: self.imagebuilder,
            crane: self.crane,
            rounds: self.rounds.into(),
            image_bytes: u64::from(self.megabytes) * 1_000_000,
        };
        registry::run(&inputs, printer)
    }
}
