//! Health checks.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::rules::{HealthCheck, Probe, WhenUnhealthy};
use super::table::{Table, lock};
use super::{proxy, rules::Rules};

/// Checks a target until it is removed, and resets its connections when the rules require it.
pub(super) async fn keep_checking(table: &Mutex<Table>, id: u64) {
    let rules = lock(table).rules.clone();
    let check = &rules.check;
    sleep(rules.registration).await;
    let mut ticks = interval(check.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(address) = still_checked(table, id) else {
            return;
        };
        let good = matches!(
            timeout(check.timeout, ask(address, &rules)).await,
            Ok(Ok(true))
        );
        if let Some(drain) = observe(table, id, good) {
            if let WhenUnhealthy::Drain(interval) = drain {
                sleep(interval).await;
            }
            reset(table, id);
        }
    }
}

fn still_checked(table: &Mutex<Table>, id: u64) -> Option<SocketAddr> {
    let table = lock(table);
    let target = table.get(id)?;
    target
        .registered(Instant::now(), &table.rules)
        .then_some(target.address)
}

/// Counts a check; returns what to do with live connections if it made the target unhealthy.
fn observe(table: &Mutex<Table>, id: u64, good: bool) -> Option<WhenUnhealthy> {
    let mut table = lock(table);
    let now = Instant::now();
    let rules = table.rules.clone();
    let fell = table.get_mut(id)?.observe(good, now, &rules);
    (fell && !table.fails_open(now)).then_some(rules.when_unhealthy)
}

/// Resets the live connections of a target.
pub(super) fn reset(table: &Mutex<Table>, id: u64) {
    if let Some(target) = lock(table).get_mut(id) {
        target.resets.send_modify(|count| *count += 1);
    }
}

/// One check: a connection of its own, and only the status counts.
async fn ask(target: SocketAddr, rules: &Rules) -> std::io::Result<bool> {
    let HealthCheck { probe, port, .. } = &rules.check;
    let address = SocketAddr::new(target.ip(), port.unwrap_or(target.port()));
    let mut stream = TcpStream::connect(address).await?;
    let Probe::Http { path, codes } = probe else {
        return Ok(true);
    };
    if rules.proxy_protocol {
        stream.write_all(&proxy::LOCAL).await?;
    }
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut status = [0; 12];
    stream.read_exact(&mut status).await?;
    // The response is read to its end, so that closing does not reset the target's side.
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await? > 0 {}
    let code = status.strip_prefix(b"HTTP/1.1 ");
    let code = code.and_then(|code| std::str::from_utf8(code).ok()?.parse().ok());
    Ok(code.is_some_and(|code| codes.iter().any(|range| range.contains(&code))))
}
