//! `bench rollout`.

use std::path::PathBuf;

use cli::Printer;

use super::Places;
use crate::rollout;

#[derive(Debug, clap::Args)]
pub(super) struct RolloutArguments {
    /// How many times faster than at AWS time passes
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    scale: u32,
}

impl RolloutArguments {
    pub(super) fn run(
        self,
        root: PathBuf,
        places: &Places,
        printer: Printer,
    ) -> anyhow::Result<()> {
        let scale = self.scale;
        let inputs = rollout::Inputs { root, scale };
        places.write("rollout.json", &rollout::run(&inputs, printer)?)
    }
}
