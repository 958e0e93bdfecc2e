//! The component `monitoring`: its alerts tested by promtool, its queries by a Prometheus that scrapes the
//! running service. Needs kubectl, `prometheus` and `promtool` (on PATH or in `target/prometheus`), and no
//! cluster.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use e2e::manifests::{Rendered, combinations, render};
use e2e::pod::Pod;
use e2e::program;
use e2e::prometheus::{Prometheus, promtool};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Far above what a busy machine needs.
const TIMEOUT: Duration = Duration::from_mins(3);
const ALERTS: &str = include_str!("../fixtures/monitoring/alerts.yaml");

static RENDERED: LazyLock<Rendered> = LazyLock::new(|| {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("monitoring");
    let all = combinations(&scratch);
    let found = all.iter().find(|one| one.name == "local+monitoring");
    render(&found.unwrap().folder)
});

/// The rules as Prometheus reads them: the operator writes an object's spec into a file.
fn rules() -> Value {
    RENDERED.only("PrometheusRule")["spec"].clone()
}

fn dashboard() -> Value {
    let dashboard = &RENDERED.only("ConfigMap")["data"]["rust-app.json"];
    serde_json::from_str(dashboard.as_str().unwrap()).unwrap()
}

/// A folder with rules, and the unit tests beside them.
fn folder(rules: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.yaml"), rules).unwrap();
    fs::write(folder.path().join("alerts.yaml"), ALERTS).unwrap();
    folder
}

/// What promtool prints, and whether it succeeds.
fn check(args: &[&str], folder: &TempDir) -> (bool, String) {
    let output = promtool(args, folder.path());
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output.status.success(), text)
}

#[test]
fn each_alert_fires_when_it_should_and_only_then() {
    let rules = rules();
    let valid = folder(&rules.to_string());
    let (passed, text) = check(&["check", "rules", "rules.yaml"], &valid);
    assert!(passed, "{text}");
    let (passed, text) = check(&["test", "rules", "alerts.yaml"], &valid);
    assert!(passed, "{text}");

    // For each alert, both outcomes are expected somewhere.
    let tests: Value = serde_saphyr::from_str(ALERTS).unwrap();
    let of = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let expected: Vec<_> = of(&tests["tests"])
        .iter()
        .flat_map(|test| of(&test["alert_rule_test"]))
        .collect();
    for group in of(&rules["groups"]) {
        for rule in of(&group["rules"]) {
            let Some(alert) = rule["alert"].as_str() else {
                continue;
            };
            let outcome = |fires: bool| {
                expected.iter().any(|test| {
                    test["alertname"] == alert && of(&test["exp_alerts"]).is_empty() != fires
                })
            };
            // Its test has pods that do not fire beside those that do.
            let elsewhere = alert == "RustAppRestarts";
            assert!(outcome(true), "no test expects {alert} to fire");
            assert!(
                outcome(false) || elsewhere,
                "no test expects {alert} not to fire"
            );
        }
    }

    // Negative control: a changed rule has to fail the tests.
    for (part, other) in [("/readyz", "/nothing"), ("0|500|503|504", "500|503|504")] {
        let text = rules.to_string();
        assert!(text.contains(part), "{part}");
        let changed = folder(&text.replace(part, other));
        let (passed, text) = check(&["test", "rules", "alerts.yaml"], &changed);
        assert!(!passed, "with {other} for {part}: {text}");
    }
}

/// Sends a request on a connection of its own.
fn get(address: SocketAddr, path: &str, fault: Option<&str>) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(5)))
        .build()
        .into();
    let mut request = agent.get(format!("http://{address}{path}"));
    if let Some(fault) = fault {
        request = request.header("x-app-fault", fault);
    }
    request.call().unwrap();
}

fn start(data: &Path) -> Pod {
    let settings = [
        ("APP_DATA_DIR", data.display().to_string()),
        ("APP_DRAIN_PROFILE", "off".to_owned()),
        ("APP_FAULTS", "on".to_owned()),
    ];
    let mut pod = Pod::start(&program("rust-k8s-app"), &settings).unwrap();
    pod.wait_ready("/readyz", TIMEOUT).unwrap();
    pod
}

/// A scrape configuration, as the operator derives it from the `PodMonitor`.
fn scrape(pod: &Pod) -> Value {
    let monitor = RENDERED.only("PodMonitor");
    let metadata = &monitor["metadata"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let endpoint = &monitor["spec"]["podMetricsEndpoints"][0];
    // The port that is scraped is the admin listener's.
    let ports = RENDERED.container()["ports"].as_array().unwrap();
    let port = ports.iter().find(|port| port["name"] == endpoint["port"]);
    assert_eq!(port.unwrap()["containerPort"], pod.admin().port());
    json!({
        "job_name": format!("{}/{}", text(&metadata["namespace"]), text(&metadata["name"])),
        "metrics_path": endpoint["path"],
        "scrape_interval": "1s",
        "static_configs": [{
            "targets": [pod.admin().to_string()],
            "labels": {"namespace": metadata["namespace"], "pod": pod.name()},
        }],
    })
}

#[test]
fn prometheus_scrapes_the_service_and_every_query_has_an_answer() {
    let data = tempfile::tempdir().unwrap();
    // So that the next process reports the result of a drain.
    let first = start(data.path());
    first.terminate();
    let (status, log) = first.wait(Instant::now() + TIMEOUT).unwrap();
    assert!(status.is_some_and(|status| status.success()), "{log}");
    let pod = start(data.path());

    let folder = folder(&rules().to_string());
    let config = json!({
        "global": {"evaluation_interval": "1s"},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [scrape(&pod)],
    });
    let path = folder.path().join("prometheus.yaml");
    fs::write(&path, config.to_string()).unwrap();
    let prometheus = Prometheus::start(&path);

    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    let mut queries: BTreeSet<String> = targets
        .flatten()
        .map(|target| target["expr"].as_str().unwrap())
        .map(|query| query.replace("$__rate_interval", "1m"))
        .collect();
    assert!(queries.len() >= 18, "{}", queries.len());
    // Every window has data on a service this young, and a service that fails every second request burns
    // its budget.
    for window in ["5m", "30m", "1h", "2h", "6h", "1d", "3d"] {
        queries.insert(format!("job:app_request_errors:ratio_rate{window} > 0.1"));
    }
    let alert = "RustAppErrorBudgetBurnsFast";
    queries.insert(format!(
        "ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}"
    ));
    let began = Instant::now();
    let wrong = "sum(";
    assert!(prometheus.query(wrong).is_err(), "{wrong}");
    while !queries.is_empty() {
        assert!(began.elapsed() < TIMEOUT, "no answer to {queries:#?}");
        get(pod.public(), "/", None);
        get(pod.public(), "/info", Some("percent=100 status=503"));
        queries.retain(|query| {
            let series = prometheus.query(query);
            let series = series.unwrap_or_else(|error| panic!("{query}: {error}"));
            // NaN is a quotient without data.
            !series.iter().any(|one| one["value"][1] != "NaN")
        });
        std::thread::sleep(Duration::from_millis(100));
    }
    for rule in prometheus.rules() {
        assert_eq!(rule["health"], "ok", "{rule:#}");
    }
    let idle = "ALERTS{alertname=\"RustAppIsDown\"}";
    assert_eq!(prometheus.query(idle).unwrap(), [Value::Null; 0]);
}

/// Every metric in the queries exists: an alert on a renamed metric would never fire.
#[test]
fn queries_name_metrics_that_the_service_has() {
    let data = tempfile::tempdir().unwrap();
    let pod = start(data.path());
    get(pod.public(), "/", None);
    let metrics = ureq::get(format!("http://{}/metrics", pod.admin())).call();
    let metrics = metrics.unwrap().into_body().read_to_string().unwrap();
    let text = format!("{}{}", rules(), dashboard());
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let named: BTreeSet<_> = words
        .filter(|word| word.starts_with("app_") || word.starts_with("process_"))
        // Part of a recorded rule's name.
        .filter(|word| *word != "app_request_errors")
        // Only after a drain; the test above sees it.
        .filter(|word| *word != "app_drain_cut_requests")
        .collect();
    assert!(named.len() >= 12, "{named:?}");
    for name in named {
        let line = format!("\n{name}");
        assert!(metrics.contains(&line), "{name} is not in\n{metrics}");
    }
}
