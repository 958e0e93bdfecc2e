//! `bench balancer`.

use std::path::PathBuf;
use std::time::Duration;

use cli::Printer;

use super::peers::warn_of_missing;
use crate::balancer::{self, results::Results};

#[derive(Debug, clap::Args)]
pub(super) struct BalancerArguments {
    /// The release build of nodectl's example `balancer`
    #[arg(long, value_name = "FILE")]
    balancer: PathBuf,
    /// nginx; without it nginx is not measured
    #[arg(long, value_name = "FILE")]
    nginx: Option<PathBuf>,
    /// nginx's stream module, if it is not compiled in
    #[arg(long, value_name = "FILE", requires = "nginx")]
    nginx_module: Option<PathBuf>,
    /// `haproxy`; without it it is not measured
    #[arg(long, value_name = "FILE")]
    haproxy: Option<PathBuf>,
    /// Rounds of each load balancer
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// Length of a round
    #[arg(long, default_value_t = 800, value_name = "MILLISECONDS")]
    round: u16,
    /// Connections of the load
    #[arg(long, default_value_t = 64)]
    connections: u16,
}

impl BalancerArguments {
    pub(super) fn measure(self, root: PathBuf, printer: Printer) -> anyhow::Result<Results> {
        let peers = [
            ("nginx (--nginx)", self.nginx.is_some()),
            ("HAProxy (--haproxy)", self.haproxy.is_some()),
        ];
        warn_of_missing(printer, &peers);
        let inputs = balancer::Inputs {
            root,
            ours: self.balancer,
            nginx: self.nginx,
            nginx_module: self.nginx_module,
            haproxy: self.haproxy,
            rounds: self.rounds.into(),
            round: Duration::from_millis(self.round.into()),
            connections: self.connections.into(),
        };
        balancer::run(&inputs, printer)
    }
}
