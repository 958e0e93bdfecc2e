//! Throughput and latency, in alternating rounds.

use std::time::Duration;

use anyhow::Context as _;
use loadgen::{Client, Load, Pace, Plan, Report};

use super::process::{CLIENT_CPU, Server};
use super::results::Series;

/// Before each round's counting starts: caches and branch predictors are warm again.
const WARM_UP: Duration = Duration::from_millis(200);

/// One round of one server.
#[derive(Clone, Copy, Debug)]
struct Round {
    rate: f64,
    cpu_nanos: f64,
    p50: f64,
    p99: f64,
    failed: u64,
}

/// The load of a round.
pub(crate) fn plan(server: &Server, pace: Pace, connections: usize, time: Duration) -> Plan {
    Plan {
        path: server.path.to_owned(),
        pace,
        connections,
        time,
        requests: u64::MAX,
        spin: true,
        cpu: Some(CLIENT_CPU),
        ..Plan::new(server.address)
    }
}

fn round(
    server: &Server,
    client: Client,
    pace: Pace,
    connections: usize,
    time: Duration,
) -> anyhow::Result<Round> {
    let run = |time| {
        let plan = Plan {
            client,
            ..plan(server, pace, connections, time)
        };
        Load::run(plan).context("cannot generate load")
    };
    run(WARM_UP)?;
    let before = server.cpu_time();
    let report = run(time)?;
    let cpu = server.cpu_time().saturating_sub(before);
    Ok(Round {
        rate: report.rate(),
        cpu_nanos: cpu.as_secs_f64() * 1e9 / count(&report),
        p50: micros(report.latency.quantile(0.5)),
        p99: micros(report.latency.quantile(0.99)),
        failed: report.failed(),
    })
}

/// Runs every server once in each of so many rounds; the results are in the servers' order.
pub(crate) fn alternate(
    servers: &[&Server],
    client: Client,
    pace: Pace,
    connections: usize,
    rounds: usize,
    time: Duration,
) -> anyhow::Result<Vec<Series>> {
    let mut found: Vec<Vec<Round>> = vec![Vec::new(); servers.len()];
    for _ in 0..rounds {
        for (server, found) in servers.iter().zip(&mut found) {
            found.push(round(server, client, pace, connections, time)?);
        }
    }
    Ok(found.iter().map(|rounds| series(rounds)).collect())
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
