//! Throughput and latency of servers, in alternating rounds.

use std::fmt::{self, Write as _};
use std::time::Duration;

use anyhow::Context as _;
use loadgen::{Load, Plan, Report};
use serde::{Deserialize, Serialize};

use crate::server::Server;
use crate::spread::in_brackets;

/// The warm-up before each round: afterwards caches and branch predictors are warm again.
const WARM_UP: Duration = Duration::from_millis(200);

/// The head of the table whose rows [`write()`] writes.
pub(crate) const HEAD: &str = "| | requests/s | CPU per request, µs | p50, ms | p99, ms | failed |\n\
     |---|---|---|---|---|---|";

/// Figures of each round, in order. Those of different subjects with the same index were measured directly
/// after each other.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Series {
    pub(crate) requests_per_second: Vec<f64>,
    /// CPU time of the server's processes per response, which noise on the machine hardly affects.
    pub(crate) cpu_nanos_per_request: Vec<f64>,
    pub(crate) p50_micros: Vec<f64>,
    pub(crate) p99_micros: Vec<f64>,
    pub(crate) failed: u64,
}

impl Series {
    /// The requests per second that an otherwise idle core would answer.
    pub(crate) fn requests_per_cpu_second(&self) -> Vec<f64> {
        let each = self.cpu_nanos_per_request.iter();
        each.map(|nanos| 1e9 / nanos).collect()
    }
}

/// One round of one server.
#[derive(Clone, Copy, Debug)]
struct Round {
    rate: f64,
    cpu_nanos: f64,
    p50: f64,
    p99: f64,
    failed: u64,
}

/// Puts load on every server once per round, by its plan; the results are in the servers' order.
pub(crate) fn alternate(
    servers: &[&Server],
    plan: impl Fn(&Server) -> Plan,
    rounds: usize,
) -> anyhow::Result<Vec<Series>> {
    let mut found: Vec<Vec<Round>> = vec![Vec::new(); servers.len()];
    for _ in 0..rounds {
        for (server, found) in servers.iter().zip(&mut found) {
            found.push(round(server, plan(server))?);
        }
    }
    Ok(found.iter().map(|rounds| series(rounds)).collect())
}

fn round(server: &Server, plan: Plan) -> anyhow::Result<Round> {
    let warm_up = Plan {
        time: WARM_UP,
        ..plan.clone()
    };
    let run = |plan| Load::run(plan).context("cannot generate load");
    run(warm_up)?;
    let before = server.cpu_time();
    let report = run(plan)?;
    let cpu = server.cpu_time().saturating_sub(before);
    Ok(Round {
        rate: report.rate(),
        cpu_nanos: cpu.as_secs_f64() * 1e9 / count(&report),
        p50: micros(report.latency.quantile(0.5)),
        p99: micros(report.latency.quantile(0.99)),
        failed: report.failed(),
    })
}

fn series(rounds: &[Round]) -> Series {
    let each = |figure: fn(&Round) -> f64| rounds.iter().map(figure).collect();
    Series {
        requests_per_second: each(|round| round.rate),
        cpu_nanos_per_request: each(|round| round.cpu_nanos),
        p50_micros: each(|round| round.p50),
        p99_micros: each(|round| round.p99),
        failed: rounds.iter().map(|round| round.failed).sum(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn count(report: &Report) -> f64 {
    report.ok.max(1) as f64
}

/// A duration in microseconds.
pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// Writes a server's row of the table.
pub(crate) fn write(out: &mut String, name: &str, series: &Series) -> fmt::Result {
    writeln!(
        out,
        "| {name} | {} | {} | {} | {} | {} |",
        in_brackets(&series.requests_per_second, 1.0, 0),
        in_brackets(&series.cpu_nanos_per_request, 1000.0, 1),
        in_brackets(&series.p50_micros, 1000.0, 2),
        in_brackets(&series.p99_micros, 1000.0, 2),
        series.failed,
    )
}
