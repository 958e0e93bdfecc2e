//! `bench rollout`.

use std::path::PathBuf;

use cli::Printer;

use crate::rollout::{self, results::Results};

#[derive(Debug, clap::Args)]
pub(super) struct RolloutArguments {
    /// How many times faster than at AWS time passes
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    scale: u32,
}

impl RolloutArguments {
    pub(super) fn measure(self, root: PathBuf, printer: Printer) -> anyhow::Result<Results> {
        let scale = self.scale;
        let inputs = rollout::Inputs { root, scale };
        rollout::run(&inputs, printer)
    }
}
