//! The checks of one pod, on one connection.

use serde_json::Value;

use super::client::{Client, Connection};
use super::expected::Expected;
use crate::error::SmokeError;

/// The outcome of one connection.
pub(super) enum Visit {
    /// An expected pod answered, and passed all checks.
    Passed(String),
    /// Another pod answered.
    Unexpected,
}

/// Queries which pod answers, and if it is an expected one, checks everything else.
///
/// Behind an NLB, one pod answers all requests of a connection. Behind an ALB, each request may go to
/// another pod, and a draining one may stop meanwhile: the caller retries.
pub(super) fn visit(client: &Client, expected: &Expected) -> Result<Visit, SmokeError> {
    let connection = client.connect();
    let pod = pod(&connection)?;
    if !expected.includes(&pod) {
        return Ok(Visit::Unexpected);
    }
    greeting(&connection)?;
    page(&connection)?;
    liveness(&connection)?;
    errors(&connection)?;
    Ok(Visit::Passed(pod))
}

/// The name of the pod that answers.
fn pod(connection: &Connection) -> Result<String, SmokeError> {
    let answer = connection.get("/info", "*/*")?;
    answer.expect(200, "application/json")?;
    let info: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let pod = info["pod"].as_str().unwrap_or_default();
    answer.require(!pod.is_empty(), || "the field `pod` is missing".to_owned())?;
    Ok(pod.to_owned())
}

fn greeting(connection: &Connection) -> Result<(), SmokeError> {
    let answer = connection.get("/", "*/*")?;
    answer.expect(200, "text/plain")?;
    answer.require(!answer.body.trim().is_empty(), || {
        "the greeting is empty".to_owned()
    })?;
    for (name, expected) in [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ] {
        let found = answer.header(name);
        answer.require(found == expected, || {
            format!("{name} is `{found}`, expected {expected}")
        })?;
    }
    answer.require(!answer.header("x-request-id").is_empty(), || {
        "x-request-id is missing".to_owned()
    })
}

fn page(connection: &Connection) -> Result<(), SmokeError> {
    let page = connection.get("/", "text/html,application/xhtml+xml")?;
    page.expect(200, "text/html")?;
    page.require(page.body.trim_end().ends_with("</html>"), || {
        "the page is incomplete".to_owned()
    })?;
    let policy = page.header("content-security-policy");
    page.require(policy.contains("default-src 'none'"), || {
        format!("content-security-policy is `{policy}`, expected default-src 'none'")
    })
}

/// The path of the load balancer's health check.
fn liveness(connection: &Connection) -> Result<(), SmokeError> {
    connection.get("/healthz", "*/*")?.expect(200, "text/plain")
}

/// Errors are in the format of RFC 9457, and admin routes are not public.
fn errors(connection: &Connection) -> Result<(), SmokeError> {
    for path in ["/no-such-thing", "/metrics"] {
        let answer = connection.get(path, "*/*")?;
        answer.expect(404, "application/problem+json")?;
        let problem: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        answer.require(problem["status"] == 404, || {
            "the problem document's status is not 404".to_owned()
        })?;
    }
    Ok(())
}
