//! The load balancer of `nodectl up` on its own: `balancer LISTEN TARGET...`, each an address with a
//! port.
//!
//! It runs until it is killed, with a thread for each core, as `nodectl up` does.

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;

use nodectl::balancer::{Balancer, Pool, Port, Settings, connections_for};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

type Error = Box<dyn std::error::Error>;

#[expect(clippy::print_stderr, reason = "an example reports its error itself")]
fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Error> {
    let addresses = std::env::args().skip(1).map(|word| word.parse());
    let addresses = addresses.collect::<Result<Vec<SocketAddr>, _>>()?;
    let [listen, targets @ ..] = addresses.as_slice() else {
        return Err("expected: balancer LISTEN TARGET...".into());
    };
    let pool = Arc::new(Pool::default());
    let named = targets.iter().map(|target| (target.to_string(), *target));
    pool.set(&named.collect::<Vec<_>>());
    let listener = TcpListener::bind(listen)?;
    let maximum = getrlimit(Resource::Nofile).maximum;
    let files = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, files)?;
    let settings = Settings {
        threads: std::thread::available_parallelism()?.get(),
        max_connections: connections_for(maximum.unwrap_or(u64::MAX)),
        on_notice: Box::new(|_| {}),
    };
    let port = Port {
        service: "web".into(),
        listener,
        pool,
    };
    let _balancer = Balancer::start(vec![port], settings)?;
    loop {
        std::thread::park();
    }
}
