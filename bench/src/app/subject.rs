//! The compared programs, and how each is started.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::inputs::Inputs;
use crate::server::{SERVER_CPU, Server};

/// A program to measure.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) key: &'static str,
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    pub(crate) address: SocketAddr,
    /// It keeps connections alive, so 1,000 of them can be held.
    pub(crate) keeps_connections: bool,
    /// Fast enough for the constant rate of the service and the loop.
    pub(crate) fast: bool,
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
    directory: Option<PathBuf>,
}

impl Subject {
    /// Starts it.
    pub(crate) fn start(&self) -> anyhow::Result<Server> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        Server::start(command, Some(SERVER_CPU), self.address, self.path)
            .with_context(|| format!("cannot measure {}", self.name))
    }
}

/// An address of the loopback for the subject of this number.
fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([127, 66, 0, number], 5000))
}

/// The service as it is deployed: metrics on, request log at its default, every setting default.
pub(crate) fn app(program: &Path) -> Subject {
    let address = address(1);
    let admin = SocketAddr::new(address.ip(), 9090);
    Subject {
        key: "app",
        name: "rust-k8s-app",
        path: "/",
        address,
        keeps_connections: true,
        fast: true,
        program: program.to_owned(),
        arguments: Vec::new(),
        environment: vec![
            ("APP_LISTEN", address.to_string()),
            ("APP_ADMIN_LISTEN", admin.to_string()),
        ],
        directory: None,
    }
}

/// The loop for clients that open a connection for each request: the response in `answer` closes it.
pub(crate) fn one_shot_floor(answer: &Path) -> anyhow::Result<Subject> {
    let here = std::env::current_exe().context("cannot find the path of this program")?;
    Ok(floor(here.with_file_name("floor"), answer, 7))
}

/// The epoll loop that always writes the bytes of the file `answer`.
fn floor(program: PathBuf, answer: &Path, number: u8) -> Subject {
    let address = address(number);
    Subject {
        key: "floor",
        name: "bare epoll loop",
        path: "/",
        address,
        keeps_connections: true,
        fast: true,
        program,
        arguments: vec![address.to_string(), answer.display().to_string()],
        environment: Vec::new(),
        directory: None,
    }
}

fn flask(
    key: &'static str,
    name: &'static str,
    number: u8,
    class: &[&str],
    dirs: &Flask,
) -> Subject {
    let address = address(number);
    let mut arguments = vec!["--bind".to_owned(), address.to_string()];
    arguments.extend(class.iter().map(ToString::to_string));
    arguments.push("app:app".to_owned());
    Subject {
        key,
        name,
        path: "/",
        address,
        keeps_connections: class.contains(&"gthread"),
        fast: false,
        program: dirs.gunicorn.clone(),
        arguments,
        environment: Vec::new(),
        directory: Some(dirs.app.clone()),
    }
}

struct Flask {
    gunicorn: PathBuf,
    app: PathBuf,
}

/// podinfo: its front page does more than ours, its `/healthz` is its cheapest response.
fn podinfo(
    key: &'static str,
    name: &'static str,
    number: u8,
    path: &'static str,
    program: &Path,
) -> Subject {
    let address = address(number);
    Subject {
        key,
        name,
        path,
        address,
        keeps_connections: true,
        fast: false,
        program: program.to_owned(),
        arguments: [
            "--host",
            &address.ip().to_string(),
            "--port",
            &address.port().to_string(),
        ]
        .map(ToString::to_string)
        .to_vec(),
        environment: Vec::new(),
        directory: None,
    }
}

/// All programs that can be measured here, the service and the loop first.
pub(crate) fn all(inputs: &Inputs, answer: &Path) -> anyhow::Result<Vec<Subject>> {
    let here = std::env::current_exe().context("cannot find the path of this program")?;
    let mut subjects = vec![
        app(&inputs.app),
        floor(here.with_file_name("floor"), answer, 2),
    ];
    if let Some(program) = &inputs.podinfo {
        subjects.push(podinfo("podinfo", "podinfo `/`", 3, "/", program));
        subjects.push(podinfo(
            "podinfo-healthz",
            "podinfo `/healthz`",
            4,
            "/healthz",
            program,
        ));
    }
    if let Some(venv) = &inputs.venv {
        let dirs = Flask {
            gunicorn: std::path::absolute(venv.join("bin/gunicorn"))?,
            app: inputs.flask.clone(),
        };
        let gthread = ["--worker-class", "gthread", "--threads", "8"];
        subjects.push(flask(
            "flask-sync",
            "Flask, gunicorn sync ×1",
            5,
            &[],
            &dirs,
        ));
        subjects.push(flask(
            "flask-gthread",
            "Flask, gunicorn gthread 1×8",
            6,
            &gthread,
            &dirs,
        ));
    }
    Ok(subjects)
}
