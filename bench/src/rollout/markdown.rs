//! The rollouts' section of the document.

use std::fmt::{self, Write as _};

use super::results::{Clients, Results};
use super::targets;
use crate::target;

/// Writes the section.
pub(crate) fn write(out: &mut String, results: &Results) -> fmt::Result {
    writeln!(out, "## A rollout behind AWS's load balancers\n")?;
    writeln!(
        out,
        "`make deploy` of a new version in place of another, three pods each, on the Kubernetes of `make e2e`, \
         under 500 requests a second. The load balancer is simulated with {}: health checks, 2 min in which \
         new connections reach a deregistered target, and 5 min of deregistration delay. On {}; load average \
         {:.1} before and {:.1} after. `bench/rollout/run` measures this, `make bench` does not.\n",
        times(results.scale),
        results.machine,
        results.machine.load_before,
        results.machine.load_after,
    )?;
    target::write(out, &targets::all(results))?;
    writeln!(
        out,
        "| | minutes | connections | of these, to deregistered pods | requests, kept-alive | p50 / p99, ms | \
         requests, one-shot | p50 / p99, ms |\n|---|---|---|---|---|---|---|---|"
    )?;
    for rollout in &results.rollouts {
        let latencies =
            |clients: &Clients| format!("{:.2} / {:.1}", clients.p50_millis, clients.p99_millis);
        writeln!(
            out,
            "| `OVERLAY={}` | {:.1} | {} | {} | {} | {} | {} | {} |",
            rollout.overlay,
            rollout.seconds / 60.0,
            rollout.connections,
            rollout.to_deregistered,
            rollout.kept.sent,
            latencies(&rollout.kept),
            rollout.one_shot.sent,
            latencies(&rollout.one_shot),
        )?;
    }
    writeln!(out)
}

fn times(scale: u32) -> String {
    match scale {
        1 => "AWS's own times".to_owned(),
        scale => format!("AWS's times, {scale} times faster"),
    }
}
