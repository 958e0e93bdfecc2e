//! The service behind a load balancer that chooses a pod for each connection, as an NLB with few
//! clients does.

use std::io::{BufRead as _, BufReader};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use e2e::program;

/// One pod: the real binary on a port of the kernel's choice.
pub(crate) struct Pod {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Pod {
    /// Starts a pod with these settings over those of the tests.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        let mut child = Command::new(program("rust-k8s-app"))
            .env_clear()
            .envs([
                ("APP_LISTEN", "127.0.0.1:0"),
                ("APP_ADMIN_LISTEN", "127.0.0.1:0"),
                ("APP_DRAIN_PROFILE", "off"),
                ("APP_WORKERS", "1"),
                ("APP_SAMPLE_ROUTES", "on"),
                ("APP_POD_NAMESPACE", "rust-app"),
                ("APP_NODE_NAME", "ip-10-0-31-7.eu-west-1.compute.internal"),
                ("APP_LOG", "info,app::request=off"),
                ("APP_LOG_FORMAT", "json"),
            ])
            .envs(settings.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the service starts");
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let listening = lines.next().expect("a line").expect("it is text");
        let listening: serde_json::Value = serde_json::from_str(&listening).expect("it is JSON");
        let address = listening["public"]
            .as_str()
            .unwrap_or_else(|| panic!("no address: {listening}"))
            .parse()
            .expect("valid");
        // A full pipe would block the service.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, address }
    }

    /// Three pods, each in a zone of its own.
    pub(crate) fn three() -> Vec<Self> {
        [
            ("x2lqp", "eu-west-1a"),
            ("7vkzt", "eu-west-1b"),
            ("m9d4c", "eu-west-1c"),
        ]
        .iter()
        .map(|(suffix, zone)| {
            let name = format!("rust-app-6d5f9c7b44-{suffix}");
            Self::start(&[("APP_POD_NAME", &name), ("APP_ZONE", zone)])
        })
        .collect()
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Passes each connection to the next target.
pub(crate) struct LoadBalancer {
    address: SocketAddr,
    targets: Arc<Mutex<Vec<SocketAddr>>>,
}

impl LoadBalancer {
    pub(crate) fn start(pods: &[Pod]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
        let address = listener.local_addr().expect("it is bound");
        let targets = Arc::new(Mutex::new(pods.iter().map(|pod| pod.address).collect()));
        let shared: Arc<Mutex<Vec<SocketAddr>>> = Arc::clone(&targets);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let mut targets = shared.lock().unwrap_or_else(PoisonError::into_inner);
                targets.rotate_left(1);
                // A connection that a target refuses is closed, and not tried elsewhere.
                if let Ok(server) = TcpStream::connect(targets[0]) {
                    forward(client, server);
                }
            }
        });
        Self { address, targets }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Chooses among these pods from now on.
    pub(crate) fn set_targets(&self, pods: &[Pod]) {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        *targets = pods.iter().map(|pod| pod.address).collect();
    }
}

fn forward(client: TcpStream, server: TcpStream) {
    let ways = [
        (client.try_clone(), server.try_clone()),
        (Ok(server), Ok(client)),
    ];
    for (from, to) in ways {
        let (Ok(mut from), Ok(mut to)) = (from, to) else {
            continue;
        };
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}
