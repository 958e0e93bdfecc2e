//! Services with the same name in two namespaces.

use std::net::SocketAddr;

use e2e::containerd::{Nodectl, manifest};
use rustix::process::Signal;
use test_programs::free_port;

use crate::world::{World, get};

/// A Deployment and a `LoadBalancer` called `web`, port 80, in each of two namespaces.
fn two_namespaces() -> String {
    let of = |namespace: &str| {
        let named = format!("metadata: {{name: web, namespace: {namespace}}}");
        let manifest = manifest(2, &[("OF", namespace)]);
        assert_eq!(manifest.matches("metadata: {name: web}").count(), 2);
        manifest.replace("metadata: {name: web}", &named)
    };
    format!("{}---\n{}", of("shop"), of("blog"))
}

#[test]
fn a_service_sends_to_the_pods_of_its_own_namespace() {
    let world = World::new();
    let (shop, blog) = (free_port(), free_port());
    let publish = [format!("{shop}:shop/web:80"), format!("{blog}:blog/web:80")];
    let args = [
        "--images",
        &world.layout,
        "--publish",
        &publish[0],
        "--publish",
        &publish[1],
    ];
    let mut up = Nodectl::up(&world.daemon, &two_namespaces(), &args);
    up.wait_for("all ready: 4 pods", 1);
    let ask = |port: u16, path: &str| get(SocketAddr::from(([127, 0, 0, 1], port)), path);
    for (port, namespace) in [(shop, "shop"), (blog, "blog")] {
        assert!((0..20).all(|_| ask(port, "/env/OF") == namespace));
        let mut pods: Vec<_> = (0..20).map(|_| ask(port, "/")).collect();
        pods.sort();
        pods.dedup();
        assert_eq!(pods.len(), 2, "both pods of {namespace} answer: {pods:?}");
    }
    let ps = Nodectl::run(&world.daemon, &["ps"]);
    for text in ["NAMESPACE", "shop", "blog"] {
        assert!(ps.stdout.contains(text), "{}", ps.stdout);
    }
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
}

#[test]
fn a_port_of_two_services_is_refused_until_one_is_named() {
    let world = World::new();
    let up = |args: &[&str]| {
        let args = [&["up", "-f", "-", "--images", &world.layout], args].concat();
        let outcome = Nodectl::run_with_input(&world.daemon, &args, &two_namespaces());
        assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
        outcome.stderr
    };
    for (args, printed) in [
        (&[][..], "would both be published at 127.0.0.1:80"),
        (&["--publish", "0:80"], "several Services have port 80"),
        (&["--publish", "0:web:80"], "several Services have port 80"),
    ] {
        let stderr = up(args);
        for text in [printed, "shop/web:80", "blog/web:80"] {
            assert!(stderr.contains(text), "`{text}` is not in:\n{stderr}");
        }
    }
}
