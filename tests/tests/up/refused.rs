//! Invalid input is reported, and leaks no resource.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use e2e::containerd::{Daemon, Inventory, Nodectl, manifest};

use crate::world::World;

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "a table of inputs and what is reported of each"
)]
fn bad_input_is_reported_and_leaves_nothing() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let good = manifest(1, &[]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().port();
    let check = |manifest: &str, args: &[&str], code: i32, printed: &[&str]| {
        let args = [&["up", "-f", "-"], args].concat();
        let outcome = Nodectl::run_with_input(&world.daemon, &args, manifest);
        assert_eq!(outcome.code, Some(code), "{}", outcome.stderr);
        for text in printed {
            assert!(
                outcome.stderr.contains(text),
                "`{text}` is not in:\n{}",
                outcome.stderr
            );
        }
        assert_eq!(outcome.stdout, "");
        assert_eq!(Inventory::take(&world.daemon), before, "{printed:?}");
    };
    let layout = ["--images", &world.layout, "--publish", &world.publish()].map(str::to_owned);
    let layout: Vec<_> = layout.iter().map(String::as_str).collect();

    check(
        "{not: [yaml",
        &layout,
        2,
        &["error: standard input is not valid YAML: "],
    );
    check(
        "just words",
        &layout,
        2,
        &["document 1: expected an object with `apiVersion` and `kind`"],
    );
    check("", &layout, 2, &["error: the manifests have no Deployment"]);
    let guarded = format!(
        "{good}---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: deny}}}}\n"
    );
    let printed = [
        "error: NetworkPolicy `deny` cannot be enforced here: pods reach each other, this machine",
        "hint: leave it out, or accept that with --ignore-network-policies",
    ];
    check(&guarded, &layout, 2, &printed);
    let other = good.replace("matchLabels: {app: web}", "matchLabels: {app: other}");
    let printed = "Deployment `web`: spec.template.metadata.labels: spec.selector does not match \
                these labels (app=web)";
    check(&other, &layout, 2, &[printed]);
    let volume = "      volumes: [{name: ../../../outside, emptyDir: {}}]\n      containers:\n";
    let outside = good.replace("      containers:\n", volume);
    let printed = "spec.template.spec.volumes[0].name: invalid name `../../../outside`";
    check(&outside, &layout, 2, &[printed]);
    let profile = good.replace(
        "{type: RuntimeDefault}",
        "{type: Localhost, localhostProfile: a}",
    );
    let printed = "spec.template.spec.securityContext.seccompProfile.type: profiles of the node";
    check(&profile, &layout, 2, &[printed]);
    let profile = good.replace("{type: RuntimeDefault}", "{type: RuntimeDefalt}");
    check(&profile, &layout, 2, &["unknown value `RuntimeDefalt`"]);
    let all = good.replace("{drop: [ALL]}", "{add: [ALL]}");
    let printed = "spec.template.spec.containers[0].securityContext.capabilities.add: ALL";
    check(&all, &layout, 2, &[printed]);
    let fly = good.replace("{drop: [ALL]}", "{add: [FLY]}");
    check(&fly, &layout, 2, &["unknown capability `FLY`"]);
    let cargo = good.replace("image: pod:1", "image: cargo://app");
    let printed = "container `web`: image `cargo://app` is not resolved";
    check(
        &cargo,
        &layout,
        2,
        &[printed, "hint: `imagebuilder resolve "],
    );
    let field = good.replace("replicas: 1", "replicas: many");
    check(&field, &layout, 2, &["Deployment `web`: spec.replicas: "]);
    let missing = good.replace("image: pod:1", "image: nosuch:1");
    check(
        &missing,
        &layout,
        2,
        &[
            "error: standard input: Deployment `web`: container `web`",
            "has no image `nosuch:1`; available: `pod:1`",
        ],
    );
    let printed = "error: standard input: Deployment `web`: container `web`: image `pod:1` is not in containerd";
    check(
        &good,
        &["--publish", "0:80"],
        2,
        &[printed, "hint: name a layout that has it"],
    );
    let root = good.replace("runAsUser: 65532", "runAsUser: 0");
    check(
        &root,
        &layout,
        2,
        &["runAsNonRoot is set, and the container would run as root"],
    );
    let publish = format!("{taken}:80");
    let in_use = ["--images", layout[1], "--publish", &publish];
    let printed = format!("error: cannot listen on 127.0.0.1:{taken}");
    check(
        &good,
        &in_use,
        2,
        &[&printed, "in use", "hint: choose another port"],
    );
    let printed = "--publish: no Service has port 81";
    check(
        &good,
        &["--images", layout[1], "--publish", "0:81"],
        2,
        &[printed, "there are web:80"],
    );
    let overlap = [&layout[..], &["--pod-cidr", "127.0.0.0/24"]].concat();
    check(
        &good,
        &overlap,
        2,
        &["pod network 127.0.0.0/24 overlaps 127.0.0.0/"],
    );
    let multicast = [&layout[..], &["--pod-cidr", "224.0.0.0/24"]].concat();
    check(&good, &multicast, 2, &["224.0.0.0/24", "multicast"]);
    let host = [&layout[..], &["--pod-cidr", "10.99.0.5/24"]].concat();
    let printed = "10.99.0.5 is an address in the network 10.99.0.0/24";
    check(&good, &host, 2, &[printed]);
    let small = [&layout[..], &["--pod-cidr", "10.99.0.0/29"]].concat();
    let printed =
        "error: 10.99.0.0/29 has 5 addresses for pods, too few for 5 and 1 more during an update";
    check(
        &manifest(5, &[]),
        &small,
        2,
        &[printed, "hint: choose a larger subnet with --pod-cidr"],
    );
    let file = world.daemon.path("up.log").display().to_string();
    std::fs::write(&file, "").unwrap();
    let no_dir = [&layout[..], &["--data-dir", &file]].concat();
    check(
        &good,
        &no_dir,
        2,
        &[&format!("error: cannot create `{file}/"), "hint: "],
    );
    let nowhere = [&layout[..], &["--address", "/nosuch/socket"]].concat();
    let printed = "error: cannot reach containerd at /nosuch/socket";
    check(
        &good,
        &nowhere,
        4,
        &[printed, "hint: is containerd installed and running?"],
    );
}

#[test]
fn a_socket_without_permission_is_reported() {
    const NOBODY: u32 = 65534;
    let daemon = Daemon::start();
    // A copy that every user can execute; the build folder may not be accessible.
    let nodectl = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    test_programs::copy(&e2e::program("nodectl"), &nodectl);
    let mut command = Command::new(&nodectl);
    command
        .args(["images", "list", "--address"])
        .arg(daemon.socket());
    let output = command.uid(NOBODY).gid(NOBODY).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    for text in [
        "Permission denied",
        "hint: the socket belongs to root: run this with sudo",
    ] {
        assert!(stderr.contains(text), "`{text}` is not in:\n{stderr}");
    }
}

#[test]
fn a_damaged_layout_is_refused_and_leaves_nothing() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let dir = world.daemon.path("image");
    let blobs = dir.join("blobs/sha256");
    for entry in std::fs::read_dir(&blobs).unwrap() {
        let path = entry.unwrap().path();
        let whole = std::fs::read(&path).unwrap();
        let digest = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for damaged in [flipped, whole[..whole.len() - 1].to_vec()] {
            std::fs::write(&path, damaged).unwrap();
            let publish = world.publish();
            let args = [
                "up",
                "-f",
                "-",
                "--images",
                &world.layout,
                "--publish",
                &publish,
            ];
            let outcome = Nodectl::run_with_input(&world.daemon, &args, &manifest(1, &[]));
            assert_eq!(outcome.code, Some(5), "{}", outcome.stderr);
            assert!(outcome.stderr.contains(&digest), "{}", outcome.stderr);
            assert!(
                outcome.stderr.contains(dir.to_str().unwrap()),
                "{}",
                outcome.stderr
            );
            assert_eq!(Inventory::take(&world.daemon), before);
            let args = ["images", "import", &world.layout];
            let outcome = Nodectl::run(&world.daemon, &args);
            assert_eq!(outcome.code, Some(5), "{}", outcome.stderr);
            let without_namespace = |inventory: Inventory| inventory.containerd.len();
            assert!(
                without_namespace(Inventory::take(&world.daemon)) <= before.containerd.len() + 1
            );
        }
        std::fs::write(&path, whole).unwrap();
    }
}
