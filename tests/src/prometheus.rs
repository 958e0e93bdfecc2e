//! The real Prometheus and promtool, of Debian's package.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::manifests::repository;

/// How long it may take to listen.
const START_TIMEOUT: Duration = Duration::from_mins(2);

/// A running Prometheus. Dropping it stops it.
#[derive(Debug)]
pub struct Prometheus {
    process: Child,
    address: String,
    _data: TempDir,
}

impl Prometheus {
    /// Starts one on a free port with a configuration, whose rule files are in the same folder.
    ///
    /// # Panics
    /// When it is not installed, or does not listen.
    pub fn start(config: &Path) -> Self {
        let address = format!("127.0.0.1:{}", test_programs::free_port());
        let data = tempfile::tempdir().expect("a temporary folder");
        let mut process = Command::new(installed("prometheus"))
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.path().display()))
            .arg(format!("--web.listen-address={address}"))
            .args(["--log.level=warn"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("prometheus can be run; `dev/install test` installs it");
        let began = Instant::now();
        while TcpStream::connect(&address).is_err() {
            let exited = process.try_wait().expect("it is a child");
            assert!(exited.is_none(), "prometheus does not start: {exited:?}");
            assert!(
                began.elapsed() < START_TIMEOUT,
                "prometheus does not listen"
            );
            sleep(Duration::from_millis(100));
        }
        Self {
            process,
            address,
            _data: data,
        }
    }

    /// The current result of a query.
    ///
    /// # Errors
    /// Prometheus' message, when the query is invalid.
    pub fn query(&self, query: &str) -> Result<Vec<Value>, String> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let answer = agent
            .get(format!("http://{}/api/v1/query", self.address))
            .query("query", query)
            .call()
            .and_then(|answer| answer.into_body().read_to_string());
        let answer = answer.map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
        if answer["status"] != "success" {
            return Err(answer["error"].to_string());
        }
        let series = answer["data"]["result"].as_array();
        Ok(series.cloned().unwrap_or_default())
    }

    /// Its rules, with their health.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn rules(&self) -> Vec<Value> {
        let answer = ureq::get(format!("http://{}/api/v1/rules", self.address)).call();
        let answer = answer.expect("prometheus answers").into_body();
        let answer = answer.into_reader();
        let answer: Value = serde_json::from_reader(answer).expect("it answers in JSON");
        let groups = answer["data"]["groups"].as_array().cloned();
        let rules = groups.unwrap_or_default();
        let rules = rules.iter().filter_map(|group| group["rules"].as_array());
        rules.flatten().cloned().collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs promtool.
///
/// # Panics
/// When it is not installed.
pub fn promtool(args: &[&str], folder: &Path) -> Output {
    let mut promtool = Command::new(installed("promtool"));
    let output = promtool.args(args).current_dir(folder).output();
    output.expect("promtool can be run; `dev/install test` installs it")
}

/// The program that `dev/install test` installed, else the one on PATH.
fn installed(program: &str) -> PathBuf {
    let path = repository().join("target/prometheus/usr/bin").join(program);
    if path.exists() {
        path
    } else {
        PathBuf::from(program)
    }
}
