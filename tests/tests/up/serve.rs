//! Pods that run as their manifest specifies, and answer throughout.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use e2e::containerd::{Inventory, Nodectl, OPEN_FILES, manifest};
use loadgen::{Client, Load, Pace, Plan};
use rustix::process::Signal;
use serde_json::Value;

use crate::world::{World, eventually, get};

#[test]
fn three_pods_answer_behind_one_port_and_ctrl_c_leaves_nothing() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let mut up = world.up(&manifest(3, &[]));
    up.wait_for("all ready: 3 pods", 1);
    up.wait_for(&format!("http://127.0.0.1:{}/", world.port), 1);
    let mut names: Vec<_> = (0..9).map(|_| world.get("/")).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 3, "{names:?}");
    let listed: Vec<_> = world.ps()["pods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["name"].clone())
        .collect();
    assert_eq!(
        listed,
        names
            .iter()
            .map(|name| Value::from(name.as_str()))
            .collect::<Vec<_>>()
    );
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
    assert_eq!(Inventory::take(&world.daemon), before);
}

#[test]
fn a_template_that_changed_rolls_out_without_a_lost_request() {
    let world = World::new();
    // The old pods need a drain: one that exits on SIGTERM cuts off requests in flight.
    let mut up = world.up(&manifest(3, &[("VERSION", "1"), ("DRAIN_MS", "300")]));
    up.wait_for("all ready: 3 pods", 1);
    assert_eq!(world.get("/env/VERSION"), "1");
    up.signal(Signal::KILL);
    up.wait();
    let old = world.running();
    let mut up = world.up(&manifest(3, &[("VERSION", "2"), ("DRAIN_MS", "300")]));
    up.wait_for("service web: listening", 1);
    let mut plan = Plan::new(world.address());
    plan.client = Client::OneShot;
    plan.pace = Pace::Rate(500);
    plan.time = Duration::from_secs(3);
    let load = Load::start(plan).unwrap();
    up.wait_for("all ready: 3 pods", 1);
    let report = load.finish().unwrap();
    assert_eq!(report.failed(), 0, "{report}\n{}", up.printed());
    assert!(report.ok > 0, "{report}");
    assert_eq!(world.get("/env/VERSION"), "2");
    let new = world.running();
    assert_eq!(new.len(), 3);
    assert!(old.iter().all(|one| !new.contains(one)));
}

#[test]
fn probes_decide_which_pods_get_requests_and_which_are_restarted() {
    let world = World::new();
    let mut up = world.up(&manifest(2, &[]));
    up.wait_for("all ready: 2 pods", 1);
    // Not ready: it gets no new connections, and is not restarted.
    let pods = world.ps();
    let ip = |at: usize| -> SocketAddr {
        format!("{}:5000", pods["pods"][at]["ip"].as_str().unwrap())
            .parse()
            .unwrap()
    };
    let name = |at: usize| pods["pods"][at]["name"].as_str().unwrap().to_owned();
    get(ip(0), "/unready");
    up.wait_for(&format!("pod {}: not ready", name(0)), 1);
    // The load balancer is updated a moment later; with both pods it would alternate.
    eventually("only the other pod is asked", || {
        (0..10).all(|_| world.get("/") == name(1)).then_some(())
    });
    get(ip(0), "/ready");
    up.wait_for(&format!("pod {}: ready", name(0)), 2);
    // Not live: the container is restarted in its pod.
    get(ip(1), "/sick");
    up.wait_for(
        &format!(
            "pod {}: container web is unhealthy: liveness probe",
            name(1)
        ),
        1,
    );
    up.wait_for(&format!("pod {}: ready", name(1)), 2);
    let restarts = |at: usize| world.ps()["pods"][at]["containers"][0]["restarts"].clone();
    assert_eq!((restarts(0), restarts(1)), (0.into(), 1.into()));
}

#[test]
fn a_command_in_the_container_decides_as_a_probe() {
    let world = World::new();
    let http = "readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 1}";
    let with = |code: u32| {
        let exec = format!("{{exec: {{command: [/pod, exit, \"{code}\"]}}, periodSeconds: 1}}");
        let manifest = manifest(1, &[]);
        assert!(manifest.contains(http));
        manifest.replace(http, &format!("readinessProbe: {exec}"))
    };
    let mut up = world.up(&with(0));
    up.wait_for("all ready: 1 pod", 1);
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
    let liveness = "livenessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 1}";
    let failing = with(3)
        .replace(liveness, "")
        .replace("readinessProbe", "livenessProbe");
    let mut up = world.up(&failing);
    up.wait_for("liveness probe: `/pod exit 3` exited with 3", 1);
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
}

#[test]
fn a_pod_runs_as_its_manifest_specifies() {
    let world = World::new();
    let mut up = world.up(&manifest(1, &[("GREETING", "hello $(NAME)")]));
    up.wait_for("all ready: 1 pod", 1);
    let pod = world.ps()["pods"][0].clone();
    let name = pod["name"].as_str().unwrap();
    assert_eq!(world.get("/"), name);
    assert_eq!(world.get("/env/GREETING"), format!("hello {name}"));
    assert_eq!(world.get("/env/HOSTNAME"), name);
    let hosts = world.get("/read/etc/hosts");
    assert!(
        hosts.contains(&format!("{}\t{name}", pod["ip"].as_str().unwrap())),
        "{hosts}"
    );
    assert!(world.get("/write/file").contains("Read-only file system"));
    let status = world.get("/read/proc/self/status");
    for line in [
        "Uid:\t65532\t65532\t65532\t65532",
        // The image has no passwd file, and the kubelet does not pass on the group of its USER.
        "Gid:\t0\t0\t0\t0",
        "CapBnd:\t0000000000000000",
        "CapEff:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    ] {
        assert!(status.contains(line), "{line} is not in\n{status}");
    }
    // Like a kubelet's containers, it inherits containerd's limit.
    let limits = world.get("/read/proc/self/limits");
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let files: Vec<_> = files.unwrap().split_whitespace().skip(3).take(2).collect();
    assert_eq!(files, [OPEN_FILES.to_string(), OPEN_FILES.to_string()]);
    let logs = Nodectl::run(&world.daemon, &["logs", name]);
    assert_eq!(
        logs.stdout,
        format!("{name}: starting\n{name}: listening\n")
    );
    let refused = Nodectl::run(&world.daemon, &["logs", name, "--previous"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("has started only once"),
        "{}",
        refused.stderr
    );
}

#[test]
fn connections_close_cleanly_from_either_side() {
    let world = World::new();
    let mut up = world.up(&manifest(1, &[]));
    up.wait_for("all ready: 1 pod", 1);
    // A client that has closed its sending side still gets its response.
    let mut stream = TcpStream::connect(world.address()).unwrap();
    stream.write_all(b"GET /slow/200 HTTP/1.1\r\n\r\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    // A request in flight at Ctrl-C is still answered, and no new client is accepted.
    let address = world.address();
    let slow = std::thread::spawn(move || get(address, "/slow/700"));
    std::thread::sleep(Duration::from_millis(200));
    drop(up);
    let mut up = world.up(&manifest(1, &[("DRAIN_MS", "3000")]));
    let _ = slow.join();
    up.wait_for("all ready: 1 pod", 1);
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    // From then on a pod has the connection.
    stream.read_exact(&mut [0]).unwrap();
    let slow = b"GET /slow/500 HTTP/1.1\r\nConnection: close\r\n\r\n";
    stream.write_all(slow).unwrap();
    up.signal(Signal::TERM);
    up.wait_for("Stopping", 1);
    eventually("new clients to be refused", || {
        TcpStream::connect(address).is_err().then_some(())
    });
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    let bodies = answers.matches("\r\n\r\nweb-").count();
    assert_eq!(bodies, 2, "{answers}");
    assert_eq!(up.wait(), Some(130));
}
