//! The load balancer's section of the document.

use std::fmt::{self, Write as _};

use super::results::{Plan, Results, Subject};
use super::targets;
use crate::series::{self, Series};
use crate::target;

/// One of the series of a load balancer.
type Pick = fn(&Subject) -> &Series;

/// Writes the section.
pub(crate) fn write(out: &mut String, results: &Results) -> fmt::Result {
    let Plan {
        rounds,
        round_millis,
        connections,
        pods,
    } = results.plan;
    writeln!(out, "## The load balancer of `nodectl up`\n")?;
    writeln!(
        out,
        "Measured on its own (`nodectl/examples/balancer.rs`), with a thread for each core, as nginx and \
        HAProxy have workers, choosing the least busy pod; in front of {pods} pods that run the bare \
        epoll loop, with {connections} clients. All of them share the cores of {}. {rounds} alternating \
        rounds of {round_millis} ms. CPU per request is that of the load balancer only.\n",
        results.machine
    )?;
    results.machine.warn_if_busy(out)?;
    target::write(out, &targets::all(results))?;
    let tables: [(&str, Pick); 2] = [
        ("Kept-alive connections", |subject| &subject.kept),
        ("A connection for each request", |subject| &subject.short),
    ];
    for (title, pick) in tables {
        writeln!(out, "### {title}\n\n{}", series::HEAD)?;
        for subject in &results.subjects {
            series::write(out, &subject.name, pick(subject))?;
        }
        writeln!(out)?;
    }
    Ok(())
}
