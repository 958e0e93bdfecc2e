//! Tests a service that runs: what its users, its load balancer and a browser rely on. It works
//! against any URL, and changes nothing.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use cli::Printer;
use serde_json::Value;
use thiserror::Error;
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::args::Smoke;
use crate::running::Running;

/// A single answer may take so long.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many answers are looked at for all pods to show, for each pod. With one of n pods chosen
/// anew for each connection, one of three is still unseen after 60 with a chance of 1 in 10^10.
const ASKED_PER_POD: usize = 20;
/// The longest body that is read.
const LONGEST_BODY: u64 = 1 << 20;

/// Something the service does not do.
#[derive(Debug, Error)]
#[error("{url}: {problem}")]
pub(super) struct SmokeFailed {
    url: String,
    problem: String,
}

/// One answer.
struct Answer {
    url: String,
    status: u16,
    response: Response<Body>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    fn must(&self, holds: bool, problem: impl FnOnce() -> String) -> Result<(), SmokeFailed> {
        if holds {
            return Ok(());
        }
        Err(SmokeFailed {
            url: self.url.clone(),
            problem: problem(),
        })
    }

    fn is(&self, status: u16, media_type: &str) -> Result<(), SmokeFailed> {
        self.must(self.status == status, || {
            format!("status {}, not {status}", self.status)
        })?;
        let found = self.header("content-type");
        self.must(found.starts_with(media_type), || {
            format!("`{found}`, not {media_type}")
        })
    }
}

/// Who asks, and of whom.
struct Client {
    agent: Agent,
    base: String,
}

impl Client {
    fn new(url: &str) -> anyhow::Result<Self> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            bail!("`{url}` is no URL: it begins with http:// or https://");
        }
        let config = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .max_redirects(0)
            // Each request on a connection of its own: a load balancer balances connections.
            .max_idle_connections(0)
            .user_agent("ship-smoke")
            .build();
        Ok(Self {
            agent: config.into(),
            base: url.trim_end_matches('/').to_owned(),
        })
    }

    fn get(&self, path: &str, accept: &str) -> anyhow::Result<Answer> {
        let url = format!("{}{path}", self.base);
        let mut response = self
            .agent
            .get(&url)
            .header("accept", accept)
            .call()
            .with_context(|| format!("no answer from {url}"))?;
        let body = response
            .body_mut()
            .with_config()
            .limit(LONGEST_BODY)
            .read_to_string();
        let body = body.with_context(|| format!("{url}: the answer broke off"))?;
        Ok(Answer {
            url,
            status: response.status().as_u16(),
            response,
            body,
        })
    }
}

/// The command: tests the service at the URL that was given, or that the cluster says.
pub(super) fn run(printer: Printer, args: &Smoke) -> anyhow::Result<()> {
    let given = args.url.as_deref().filter(|url| !url.is_empty());
    if let Some(url) = given {
        return test(printer, url, args.pods.unwrap_or(1), args.timeout);
    }
    let running = Running::find(&args.cluster)?;
    let pods = args.pods.unwrap_or(running.snapshot.pods.len());
    test(printer, &running.url, pods, args.timeout)
}

/// Tests the service at a URL, until so many pods have answered.
pub(super) fn test(
    printer: Printer,
    url: &str,
    pods: usize,
    timeout: Duration,
) -> anyhow::Result<()> {
    let began = Instant::now();
    let client = Client::new(url)?;
    first_answer(printer, &client, timeout)?;
    greets(&client)?;
    shows_a_page(&client)?;
    probes_are_green(&client)?;
    refuses_well(&client)?;
    let pods = all_pods_answer(&client, pods)?;
    let names: Vec<_> = pods.iter().map(String::as_str).collect();
    printer.status(&format!(
        "Smoke tests passed in {:.1}s; pods that answered: {}",
        began.elapsed().as_secs_f64(),
        names.join(", ")
    ));
    Ok(())
}

/// The name of a new load balancer takes minutes to be known, and its targets to be healthy.
fn first_answer(printer: Printer, client: &Client, timeout: Duration) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut told = false;
    loop {
        match client.get("/healthz", "*/*") {
            Ok(answer) if answer.status == 200 => return Ok(()),
            Ok(answer) if began.elapsed() >= timeout => answer.is(200, "text/plain")?,
            Err(error) if began.elapsed() >= timeout => return Err(error),
            _ => {}
        }
        if !told {
            printer.status(&format!(
                "Waiting for the first answer from {}",
                client.base
            ));
            told = true;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn greets(client: &Client) -> anyhow::Result<()> {
    let answer = client.get("/", "*/*")?;
    answer.is(200, "text/plain")?;
    answer.must(!answer.body.trim().is_empty(), || {
        "an empty greeting".to_owned()
    })?;
    let sniffing = answer.header("x-content-type-options");
    answer.must(sniffing == "nosniff", || {
        "x-content-type-options is not nosniff".to_owned()
    })?;
    let caching = answer.header("cache-control");
    answer.must(caching == "no-store", || {
        format!("cache-control is `{caching}`, not no-store")
    })?;
    answer.must(!answer.header("x-request-id").is_empty(), || {
        "no x-request-id".to_owned()
    })?;
    Ok(())
}

fn shows_a_page(client: &Client) -> anyhow::Result<()> {
    let page = client.get("/", "text/html,application/xhtml+xml")?;
    page.is(200, "text/html")?;
    page.must(page.body.trim_end().ends_with("</html>"), || {
        "the page is cut".to_owned()
    })?;
    let policy = page.header("content-security-policy");
    page.must(policy.contains("default-src 'none'"), || {
        format!("content-security-policy is `{policy}`, which does not begin from 'none'")
    })?;
    Ok(())
}

fn probes_are_green(client: &Client) -> anyhow::Result<()> {
    for path in ["/healthz", "/readyz", "/startupz"] {
        client.get(path, "*/*")?.is(200, "text/plain")?;
    }
    Ok(())
}

/// An error is an error, in the form of RFC 9457; and what changes behaviour is not public.
fn refuses_well(client: &Client) -> anyhow::Result<()> {
    for path in ["/no-such-thing", "/metrics"] {
        let answer = client.get(path, "*/*")?;
        answer.is(404, "application/problem+json")?;
        let problem: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        answer.must(problem["status"] == 404, || {
            "the problem's status is not 404".to_owned()
        })?;
    }
    Ok(())
}

/// Asks on new connections until so many pods have shown themselves.
fn all_pods_answer(client: &Client, wanted: usize) -> anyhow::Result<BTreeSet<String>> {
    let mut pods = BTreeSet::new();
    for _ in 0..ASKED_PER_POD * wanted.max(1) {
        let answer = client.get("/info", "*/*")?;
        answer.is(200, "application/json")?;
        let info: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let pod = info["pod"].as_str().unwrap_or_default();
        answer.must(!pod.is_empty(), || "names no pod".to_owned())?;
        pods.insert(pod.to_owned());
        if pods.len() >= wanted {
            return Ok(pods);
        }
    }
    let problem = format!("only {} of {wanted} pods answered", pods.len());
    Err(SmokeFailed {
        url: format!("{}/info", client.base),
        problem,
    }
    .into())
}
