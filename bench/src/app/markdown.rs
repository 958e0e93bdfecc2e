//! The service's section of the document.

use std::fmt::{self, Write as _};

use super::results::{Quota, Results, Subject};
use super::targets;
use crate::series;
use crate::size::{KIB, MIB, float};
use crate::spread::in_brackets;
use crate::target;

/// Writes the section.
pub(crate) fn write(out: &mut String, results: &Results) -> fmt::Result {
    let Results { machine, plan, .. } = results;
    writeln!(out, "## The service\n")?;
    writeln!(
        out,
        "Server on one core, client on another, of a machine with {} ({} cores, Linux {}), \
         revision `{}`. {} alternating rounds of {:.1} s, {} kept-alive connections; every figure \
         is the median round, with the lowest and highest in brackets; a ratio is the median of the \
         rounds' ratios. Load average {:.1} before \
         and {:.1} after; the run itself adds up to 2. The service runs as it is deployed: metrics \
         on, request log at its default.\n",
        machine.cpu,
        machine.cpus,
        machine.kernel,
        machine.revision,
        plan.rounds,
        seconds(plan.round_millis),
        plan.connections,
        machine.load_before,
        machine.load_after,
    )?;
    if machine.load_before > 1.0 {
        writeln!(
            out,
            "**The machine was busy with other work.** This affected the requests per second and p99 of \
            all programs alike, but not CPU time, memory and sizes. Measure again on a quiet machine \
            before relying on the former.\n"
        )?;
    }
    target::write(out, &targets::all(results))?;
    write_speed(out, results)?;
    write_latency(out, results)?;
    write_one_shot(out, results)?;
    write_size(out, results)?;
    write_quota(out, &results.quota)
}

#[expect(clippy::cast_precision_loss, reason = "a round is seconds long")]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}

fn write_speed(out: &mut String, results: &Results) -> fmt::Result {
    writeln!(
        out,
        "### At full speed\n\n\
        The loop reads once and writes the service's own response, whatever the request: the upper \
        bound for the kernel and one core. CPU per request is the time of all the server's threads. \
        Other work on the machine affects this figure least, and its inverse is the rate that an \
        otherwise idle core would reach. In comparison with the loop it is also the stricter figure, \
        because the client takes about as much CPU time as the loop and so limits it. gunicorn's \
        sync worker closes each connection.\n\n\
         {}",
        series::HEAD
    )?;
    for Subject { name, closed, .. } in &results.subjects {
        series::write(out, name, closed)?;
    }
    writeln!(out)
}

fn write_latency(out: &mut String, results: &Results) -> fmt::Result {
    writeln!(
        out,
        "### At a constant {}/s\n\n\
         Half of the service's full speed. Latency is measured from when each request was due.\n\n\
         {}",
        results.plan.rate,
        series::HEAD
    )?;
    for Subject { name, constant, .. } in &results.subjects {
        if let Some(series) = constant {
            series::write(out, name, series)?;
        }
    }
    writeln!(out)
}

fn write_one_shot(out: &mut String, results: &Results) -> fmt::Result {
    let Some(one_shot) = &results.one_shot else {
        return Ok(());
    };
    writeln!(
        out,
        "### A connection for each request\n\n\
         Clients send `Connection: close`; the loop accepts, responds and closes. Most of the work is \
         the kernel's.\n\n\
         {}",
        series::HEAD
    )?;
    series::write(out, "rust-k8s-app", &one_shot.app)?;
    series::write(out, "bare epoll loop", &one_shot.floor)?;
    writeln!(out)
}

fn write_size(out: &mut String, results: &Results) -> fmt::Result {
    writeln!(
        out,
        "### Memory and start\n\n\
         Resident sets are summed over a server's processes.\n\n\
         | | idle, MiB | with 1,000 connections, MiB | a connection, KiB | exec to first 200, ms |\n\
         |---|---|---|---|---|"
    )?;
    for subject in &results.subjects {
        let mib = |bytes: u64| format!("{:.2}", float(bytes) / MIB);
        let each = subject.bytes_per_connection();
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            subject.name,
            mib(subject.idle_rss_bytes),
            subject
                .rss_1000_bytes
                .map_or_else(|| "keeps none".to_owned(), mib),
            each.map_or_else(String::new, |bytes| format!("{:.1}", float(bytes) / KIB)),
            in_brackets(&subject.start_micros, 1000.0, 2),
        )?;
    }
    writeln!(out)
}

fn write_quota(out: &mut String, quota: &[Quota]) -> fmt::Result {
    if quota.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "### At a quarter of a CPU\n\n\
         A limit of `cpu: 250m` lets a process run for 25 ms of every 100 ms, and then throttles it: a \
         request that arrives then waits up to 75 ms, however fast the service is. In a closed loop \
         this happens in every period, so the p99 reflects the kernel's period more than the program. \
         A shorter period (the kubelet's `cpuCFSQuotaPeriod`), a load well below the limit, or a CPU \
         request without a limit lowers it; the rows with a rate show each. They were measured once, \
         one after the other, so they include other work on the machine.\n\n\
         | | CPU limit | period, ms | offered, requests/s | answered, requests/s | p50, ms | p99, ms | \
         longest, ms | periods held |\n|---|---|---|---|---|---|---|---|---|"
    )?;
    for row in quota {
        writeln!(
            out,
            "| {} | {} | {} | {} | {:.0} | {:.2} | {:.2} | {:.2} | {:.0} % |",
            row.name,
            row.cpus
                .map_or_else(|| "none".to_owned(), |cpus| cpus.to_string()),
            if row.cpus.is_some() {
                row.period_millis.to_string()
            } else {
                String::new()
            },
            row.rate
                .map_or_else(|| "all it can".to_owned(), |rate| rate.to_string()),
            row.requests_per_second,
            row.p50_micros / 1000.0,
            row.p99_micros / 1000.0,
            row.max_micros / 1000.0,
            row.throttled_percent,
        )?;
    }
    writeln!(out)
}
