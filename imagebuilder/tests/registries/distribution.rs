//! Debian's registry: mounts, referrers, and deleted blobs.

use std::fs;
use std::process::Command;

use oci::image::{EMPTY_JSON, Index, Manifest};
use oci::layout::Layout;
use oci::{Descriptor, Digest, MediaType};

use crate::sandbox::{Run, Sandbox};
use crate::services::{Registry, built};

/// Runs a command against the registry, with its authority and credentials.
fn run(sandbox: &Sandbox, registry: &Registry, args: &[&str]) -> Run {
    let (ca, login) = (registry.path("ca.pem"), registry.path("login"));
    let access = ["--ca-file", &ca, "--docker-config", &login];
    sandbox.run(&[args, &access].concat())
}

/// The configuration of the first image of an index.
fn config(layout: &Layout, root: Digest) -> Digest {
    let root = Descriptor::new(MediaType::OCI_INDEX, root, size(layout, root));
    let child = layout.index(&root).unwrap().manifests[0].clone();
    layout.manifest(&child).unwrap().config.digest
}

fn size(layout: &Layout, digest: Digest) -> u64 {
    let path = layout.path().join("blobs/sha256").join(digest.hex());
    fs::metadata(path).unwrap().len()
}

#[test]
fn a_copy_within_the_registry_mounts_every_blob() {
    let (registry, (sandbox, built)) = (Registry::start(), built());
    let host = format!("localhost:{}", registry.port);
    let (one, two) = (format!("{host}/one:v1"), format!("{host}/two/deep:v2"));
    let pushed = run(&sandbox, &registry, &["push", "oci:img", &one]);
    assert_eq!(
        pushed.reference().digest(),
        built.digest(),
        "{}",
        pushed.stderr
    );
    let copied = run(&sandbox, &registry, &["copy", &one, &two]);
    assert_eq!(
        copied.reference().digest(),
        built.digest(),
        "{}",
        copied.stderr
    );
    assert!(
        copied
            .stderr
            .contains("5 blobs (0 already there, 5 mounted, 0 B copied)"),
        "{}",
        copied.stderr
    );
    let digest = run(&sandbox, &registry, &["digest", &two]);
    assert_eq!(digest.stdout.trim().parse().ok(), built.digest());
    // Several names of one registry are one run: the second mounts what the first sent.
    let names = [format!("{host}/a:1"), format!("{host}/b:1")];
    let both = run(
        &sandbox,
        &registry,
        &["push", "oci:img", &names[0], &names[1]],
    );
    assert_eq!(both.code, Some(0), "{}", both.stderr);
    assert_eq!(both.stdout.lines().count(), 2);
    let sent = both
        .stderr
        .lines()
        .filter(|line| line.starts_with("Sent sha256:"));
    assert_eq!(sent.count(), 5, "{}", both.stderr);
}

#[test]
#[ignore = "needs crane, which Go builds: make test-registry"]
fn crane_reads_back_what_was_pushed() {
    let (registry, (sandbox, built)) = (Registry::start(), built());
    let name = format!("localhost:{}/app:v1", registry.port);
    let digest = built.digest().unwrap().to_string();
    run(&sandbox, &registry, &["push", "oci:img", &name]).reference();
    let crane = |args: &[&str]| {
        let output = Command::new("crane")
            .args(args)
            .current_dir(sandbox.path())
            .env("SSL_CERT_FILE", registry.path("ca.pem"))
            .env("DOCKER_CONFIG", registry.path("login"))
            .output()
            .expect("crane is on PATH: make test-registry");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "crane {args:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(crane(&["digest", &name]).trim(), digest);
    // It reads every blob, and compares digests, sizes and diff IDs.
    crane(&["validate", "--remote", &name]);
    let manifest = crane(&["manifest", &name]);
    assert_eq!(
        Digest::of(manifest.trim_end_matches('\n').as_bytes()).to_string(),
        digest
    );

    // And in the other direction: an image that crane pushed has the same digest here.
    let copy = format!("localhost:{}/copy:v1", registry.port);
    crane(&["copy", &name, &copy]);
    let read = run(&sandbox, &registry, &["digest", &copy]);
    assert_eq!(read.stdout.trim(), digest);
}

#[test]
fn a_blob_that_a_garbage_collection_deleted_is_found_and_sent_again() {
    let (registry, (sandbox, built)) = (Registry::start(), built());
    let name = format!("localhost:{}/app:v1", registry.port);
    let push = |more: &[&str]| {
        run(
            &sandbox,
            &registry,
            &[&["push", "oci:img", &name], more].concat(),
        )
    };
    push(&[]).reference();
    let layout = Layout::open(sandbox.path().join("img")).unwrap();
    let lost = registry.blob(config(&layout, built.digest().unwrap()));
    let bytes = fs::read(&lost).unwrap();
    fs::remove_file(&lost).unwrap();
    let unaware = push(&[]);
    assert!(
        unaware.stderr.contains("everything was already there"),
        "{}",
        unaware.stderr
    );
    assert!(!lost.exists());
    let dry = push(&["--check", "--dry-run"]);
    assert!(
        dry.stderr
            .contains("1 were missing from an image that was already there"),
        "{}",
        dry.stderr
    );
    assert!(!lost.exists());
    let mended = push(&["--check"]);
    assert_eq!(mended.reference().digest(), built.digest());
    assert!(
        mended.stderr.contains("5 blobs (4 already there, "),
        "{}",
        mended.stderr
    );
    assert!(
        mended
            .stderr
            .contains("1 were missing from an image that was already there"),
        "{}",
        mended.stderr
    );
    assert_eq!(fs::read(&lost).unwrap(), bytes);
    let checked = push(&["--check"]);
    assert!(
        checked.stderr.contains("everything was already there"),
        "{}",
        checked.stderr
    );
}

#[test]
fn referrers_are_copied_with_the_image_from_layout_to_registry_to_layout() {
    let (registry, (sandbox, built)) = (Registry::start(), built());
    let root = built.digest().unwrap();
    let layout = Layout::open(sandbox.path().join("img")).unwrap();
    let subject = Descriptor::new(MediaType::OCI_INDEX, root, size(&layout, root));
    layout.write_bytes(EMPTY_JSON).unwrap();
    let empty = Descriptor::of(MediaType::EMPTY_JSON, EMPTY_JSON);
    let manifest = Manifest::artifact("application/spdx+json", &subject, vec![empty]);
    let (bytes, referrer) = manifest.to_bytes();
    oci::copy::Destination::attach(&layout, &referrer, &bytes).unwrap();

    let host = format!("localhost:{}", registry.port);
    let (one, two) = (format!("{host}/one:v1"), format!("{host}/two:v1"));
    let pushed = run(&sandbox, &registry, &["push", "oci:img", &one]);
    assert_eq!(pushed.reference().digest(), Some(root), "{}", pushed.stderr);
    assert!(
        pushed.stderr.contains(" and 1 referrer: "),
        "{}",
        pushed.stderr
    );
    // This registry has no API for them, so a tag lists them.
    let tag = format!("{host}/one:sha256-{}", root.hex());
    let list = run(&sandbox, &registry, &["manifest", &tag]).stdout;
    let listed = Index::parse(list.as_bytes()).unwrap().manifests;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].digest, referrer.digest);
    assert_eq!(
        listed[0].artifact_type,
        Some("application/spdx+json".into())
    );
    let again = run(&sandbox, &registry, &["push", "oci:img", &one]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let same = run(&sandbox, &registry, &["manifest", &tag]).stdout;
    assert_eq!(same, list, "nothing is listed twice");

    let without = run(&sandbox, &registry, &["copy", &one, "oci:without"]);
    assert_eq!(without.code, Some(0), "{}", without.stderr);
    let copied = run(&sandbox, &registry, &["copy", "--referrers", &one, &two]);
    assert!(
        copied.stderr.contains(" and 1 referrer to "),
        "{}",
        copied.stderr
    );
    let down = run(
        &sandbox,
        &registry,
        &["copy", "--referrers", &two, "oci:down"],
    );
    assert_eq!(down.code, Some(0), "{}", down.stderr);
    let found = |name: &str| {
        let layout = Layout::open(sandbox.path().join(name)).unwrap();
        layout.referrers(&[root].into()).unwrap().len()
    };
    assert_eq!((found("without"), found("down")), (0, 1));
    // The bill of materials is not an image to push on its own.
    let up = run(
        &sandbox,
        &registry,
        &["push", "oci:down", "--repo", &format!("{host}/up")],
    );
    assert_eq!(up.reference().digest(), Some(root), "{}", up.stderr);
}

/// Once the image has its tag, its referrers are there too.
#[test]
fn a_bill_of_materials_is_stored_before_the_tag() {
    use test_registry::{Behaviour, TestRegistry};
    let (sandbox, _) = built();
    for referrers in [true, false] {
        let server = TestRegistry::start(Behaviour {
            referrers,
            ..Behaviour::default()
        });
        let repo = format!("{}/built", server.host());
        let args = [
            "build",
            "hello",
            "--sbom",
            "--repo",
            &repo,
            "--tag",
            "v1",
            "--docker-config",
            "none",
        ];
        let pushed = sandbox.run(&args);
        pushed.fails(0, " and 1 referrer: ");
        let image = pushed.reference();
        let puts = server.manifest_puts();
        let digest = image.digest().unwrap();
        assert_eq!(puts.first(), Some(&digest.to_string()), "{puts:?}");
        assert_eq!(puts.last().map(String::as_str), Some("v1"), "{puts:?}");
        assert_eq!(puts.len(), if referrers { 3 } else { 4 }, "{puts:?}");
        let shown = sandbox.run(&[
            "inspect",
            &format!("{repo}/team/hello:v1"),
            "--sbom",
            "--docker-config",
            "none",
        ]);
        assert!(
            shown
                .stdout
                .contains(" application/spdx+json\n    hello 1.2.3\n"),
            "{}",
            shown.stdout
        );
        let verified = sandbox.run(&[
            "verify",
            &format!("{repo}/team/hello:v1"),
            "--docker-config",
            "none",
        ]);
        assert_eq!(verified.code, Some(0), "{}", verified.stderr);
    }
}

#[test]
fn an_index_that_does_not_parse_is_reported() {
    use test_registry::{Action, Behaviour, Fault, TestRegistry};
    let (sandbox, _) = built();
    let server = TestRegistry::start(Behaviour::default());
    server.fault(Fault {
        method: "GET",
        path: "/manifests/",
        after: 0,
        times: 9,
        action: Action::Respond(
            200,
            vec![("content-type", MediaType::OCI_INDEX.to_owned())],
            "{\"schemaVersion\": 2, \"manifests\": 7}",
        ),
    });
    let from = format!("{}/app:v1", server.host());
    let args = [
        "copy",
        &from,
        "oci:x",
        "--platform",
        "linux/amd64",
        "--docker-config",
        "none",
    ];
    let copied = sandbox.run(&args);
    copied.fails(1, "image index is not valid");
}
