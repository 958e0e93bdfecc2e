//! `bench app`.

use std::path::PathBuf;
use std::time::Duration;

use cli::Printer;

use super::peers::warn_of_missing;
use crate::app::{self, results::Results};

#[derive(Debug, clap::Args)]
pub(super) struct AppArguments {
    /// The service's release binary
    #[arg(long, value_name = "FILE")]
    app: PathBuf,
    /// The service's image as an OCI layout; without it the size is not measured
    #[arg(long, value_name = "DIR")]
    image: Option<PathBuf>,
    /// The image of the service with the feature `otlp`; without it its size is not measured
    #[arg(long, value_name = "DIR")]
    image_with_otlp: Option<PathBuf>,
    /// A Python environment with Flask and gunicorn; without it they are not measured
    #[arg(long, value_name = "DIR")]
    venv: Option<PathBuf>,
    /// A podinfo binary; without it podinfo is not measured
    #[arg(long, env = "PODINFO_BIN", value_name = "FILE")]
    podinfo: Option<PathBuf>,
    /// Rounds of each server
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// Length of a round
    #[arg(long, default_value_t = 800, value_name = "MILLISECONDS")]
    round: u16,
    /// Connections of the load
    #[arg(long, default_value_t = 64)]
    connections: u16,
}

impl AppArguments {
    pub(super) fn measure(self, root: PathBuf, printer: Printer) -> anyhow::Result<Results> {
        let peers = [
            ("podinfo (PODINFO_BIN)", self.podinfo.is_some()),
            ("Flask (--venv)", self.venv.is_some()),
            ("the image's size (--image)", self.image.is_some()),
            (
                "the size with OTLP (--image-with-otlp)",
                self.image_with_otlp.is_some(),
            ),
        ];
        warn_of_missing(printer, &peers);
        let inputs = app::Inputs {
            flask: root.join("bench/app/flask"),
            root,
            app: self.app,
            podinfo: self.podinfo,
            venv: self.venv,
            image: self.image,
            image_with_otlp: self.image_with_otlp,
            rounds: self.rounds.into(),
            round: Duration::from_millis(self.round.into()),
            connections: self.connections.into(),
        };
        app::run(&inputs, printer)
    }
}
