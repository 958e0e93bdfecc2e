//! The compared load balancers, and how each is started: with a worker for each CPU, for the same number of
//! connections, choosing the least busy pod.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::server::Server;

/// Connections that each is configured for.
const CONNECTIONS: usize = 4096;

/// A load balancer to measure.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) name: String,
    program: Program,
}

#[derive(Clone, Debug)]
enum Program {
    Ours(PathBuf),
    Nginx {
        program: PathBuf,
        /// The stream module, if it is not compiled in.
        module: Option<PathBuf>,
    },
    Haproxy(PathBuf),
}

impl Subject {
    /// The example of the crate `nodectl`.
    pub(crate) fn ours(program: &Path) -> Self {
        Self {
            name: "nodectl".to_owned(),
            program: Program::Ours(program.to_owned()),
        }
    }

    pub(crate) fn nginx(program: &Path, module: Option<&Path>) -> anyhow::Result<Self> {
        Ok(Self {
            name: format!("nginx {}, stream", version(program, "-v")?),
            program: Program::Nginx {
                program: program.to_owned(),
                module: module.map(Path::to_owned),
            },
        })
    }

    pub(crate) fn haproxy(program: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            name: format!("HAProxy {}, TCP", version(program, "-v")?),
            program: Program::Haproxy(program.to_owned()),
        })
    }

    /// Starts it in front of these pods, with its files in `directory`.
    pub(crate) fn start(
        &self,
        listen: SocketAddr,
        pods: &[SocketAddr],
        directory: &Path,
    ) -> anyhow::Result<Server> {
        let workers = std::thread::available_parallelism()?.get();
        let mut command;
        match &self.program {
            Program::Ours(program) => {
                command = Command::new(program);
                command.arg(listen.to_string());
                command.args(pods.iter().map(ToString::to_string));
            }
            Program::Nginx { program, module } => {
                let file = directory.join("nginx.conf");
                let module = module.as_deref();
                write(&file, &nginx(listen, pods, directory, module, workers))?;
                command = Command::new(program);
                command.args(["-e", "stderr", "-p"]).arg(directory);
                command.arg("-c").arg(file);
            }
            Program::Haproxy(program) => {
                let file = directory.join("haproxy.cfg");
                write(&file, &haproxy(listen, pods, workers))?;
                command = Command::new(program);
                command.arg("-db").arg("-f").arg(file);
            }
        }
        Server::start(command, None, listen, "/")
            .with_context(|| format!("cannot measure {}", self.name))
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// The first word with a leading digit in the output of a program, such as nginx's
/// `nginx version: nginx/1.22.1`.
fn version(program: &Path, flag: &str) -> anyhow::Result<String> {
    let output = Command::new(program)
        .arg(flag)
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let mut words = text.split(|letter: char| letter.is_whitespace() || "/-".contains(letter));
    let number = words.find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    Ok(number.unwrap_or_default().to_owned())
}

fn nginx(
    listen: SocketAddr,
    pods: &[SocketAddr],
    directory: &Path,
    module: Option<&Path>,
    workers: usize,
) -> String {
    let load = module.map_or_else(String::new, |module| {
        format!("load_module {};\n", module.display())
    });
    let servers: Vec<_> = pods.iter().map(|pod| format!("server {pod};\n")).collect();
    let servers = servers.concat();
    let directory = directory.display();
    format!(
        "{load}daemon off;\nuser root;\npid {directory}/nginx.pid;\nworker_processes {workers};\n\
         worker_rlimit_nofile {};\nevents {{ worker_connections {CONNECTIONS}; }}\n\
         stream {{\nupstream pods {{\nleast_conn;\n{servers}}}\n\
         server {{ listen {listen}; proxy_pass pods; proxy_connect_timeout 1s; }}\n}}\n",
        2 * CONNECTIONS
    )
}

fn haproxy(listen: SocketAddr, pods: &[SocketAddr], workers: usize) -> String {
    let servers = pods.iter().zip(1..);
    let servers: Vec<_> = servers
        .map(|(pod, number)| format!("    server pod{number} {pod}\n"))
        .collect();
    let servers = servers.concat();
    format!(
        "global\n    nbthread {workers}\n    maxconn {CONNECTIONS}\n\
         defaults\n    mode tcp\n    timeout connect 1s\n    timeout client 1m\n    timeout server 1m\n\
         listen pods\n    bind {listen}\n    balance leastconn\n{servers}"
    )
}
