//! One run: all load balancers in front of the same pods, round by round.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use cli::Printer;
use loadgen::{Client, Plan as Load};

use super::results::{Plan, Results, SCHEMA_VERSION, Subject as Found};
use super::subject::Subject;
use crate::machine;
use crate::series::{self, Series};
use crate::server::Server;

/// Pods behind each.
const PODS: u8 = 3;

/// The body of a pod's response.
const BODY: &str = "Hello from Rust on Kubernetes!\n";

/// The inputs of a run.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    pub(crate) root: PathBuf,
    pub(crate) ours: PathBuf,
    pub(crate) nginx: Option<PathBuf>,
    pub(crate) nginx_module: Option<PathBuf>,
    pub(crate) haproxy: Option<PathBuf>,
    pub(crate) rounds: usize,
    pub(crate) round: Duration,
    pub(crate) connections: usize,
}

/// Measures every load balancer that is available.
///
/// # Errors
/// When one cannot be started or measured.
pub(crate) fn run(inputs: &Inputs, printer: Printer) -> anyhow::Result<Results> {
    let mut machine = machine::describe(&inputs.root);
    let mut subjects = vec![Subject::ours(&inputs.ours)];
    if let Some(program) = &inputs.nginx {
        subjects.push(Subject::nginx(program, inputs.nginx_module.as_deref())?);
    }
    if let Some(program) = &inputs.haproxy {
        subjects.push(Subject::haproxy(program)?);
    }
    let Inputs { rounds, round, .. } = *inputs;
    printer.status(&format!(
        "{rounds} rounds of clients that keep their connections"
    ));
    let kept = measure(inputs, &subjects, Client::KeptAlive)?;
    printer.status(&format!("{rounds} rounds of clients that do not"));
    let short = measure(inputs, &subjects, Client::OneShot)?;
    machine.load_after = machine::load();
    let found = subjects.iter().zip(kept).zip(short);
    Ok(Results {
        schema_version: SCHEMA_VERSION,
        machine,
        plan: Plan {
            rounds,
            round_millis: u64::try_from(round.as_millis())?,
            connections: inputs.connections,
            pods: PODS.into(),
        },
        subjects: found
            .map(|((subject, kept), short)| Found {
                name: subject.name.clone(),
                kept,
                short,
            })
            .collect(),
    })
}

fn measure(inputs: &Inputs, subjects: &[Subject], client: Client) -> anyhow::Result<Vec<Series>> {
    let directory = tempfile::tempdir().context("cannot create a directory")?;
    let close = match client {
        Client::KeptAlive => "",
        Client::OneShot => "connection: close\r\n",
    };
    let length = BODY.len();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{close}\r\n{BODY}");
    let file = directory.path().join("answer");
    fs::write(&file, answer).context("cannot write the answer")?;
    let pods = (1..=PODS)
        .map(|number| pod(number, &file))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let targets: Vec<_> = pods.iter().map(|pod| pod.address).collect();
    let servers = subjects
        .iter()
        .zip(PODS + 1..)
        .map(|(subject, number)| {
            let own = directory.path().join(number.to_string());
            fs::create_dir(&own).context("cannot create a directory")?;
            subject.start(address(number), &targets, &own)
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let plan = |server: &Server| Load {
        client,
        connections: inputs.connections,
        time: inputs.round,
        requests: u64::MAX,
        ..Load::new(server.address)
    };
    series::alternate(&servers.iter().collect::<Vec<_>>(), plan, inputs.rounds)
}

/// The loop that always sends the same response, which takes the least CPU time of a pod.
fn pod(number: u8, answer: &Path) -> anyhow::Result<Server> {
    let here = std::env::current_exe().context("cannot find the path of this program")?;
    let address = address(number);
    let mut command = Command::new(here.with_file_name("floor"));
    command.arg(address.to_string()).arg(answer);
    Server::start(command, None, address, "/")
}

fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([127, 66, 1, number], 5000))
}
