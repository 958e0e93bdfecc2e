//! The load that the service and its peers are measured with.

use std::time::Duration;

use loadgen::{Client, Pace, Plan};

use crate::series::{self, Series};
use crate::server::{CLIENT_CPU, Server};

/// A load of kept-alive connections, from the client's CPU.
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

/// Runs every server once per round; the results are in the servers' order.
pub(crate) fn alternate(
    servers: &[&Server],
    client: Client,
    pace: Pace,
    connections: usize,
    rounds: usize,
    time: Duration,
) -> anyhow::Result<Vec<Series>> {
    let plan = |server: &Server| Plan {
        client,
        ..plan(server, pace, connections, time)
    };
    series::alternate(servers, plan, rounds)
}
