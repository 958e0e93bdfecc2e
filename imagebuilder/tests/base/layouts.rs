//! Bases that are in a layout on this machine.

use oci::image::{Config, Manifest};
use oci::layout::Layout;
use oci::{Descriptor, MediaType};

use crate::bases::{base, release};
use crate::sandbox::{QUIET, Run, Sandbox, created_by, tool};

const BOTH: [&str; 2] = ["linux/amd64", "linux/arm64"];

/// Manifest and configuration of an image of the layout `img`.
fn read(sandbox: &Sandbox, root: &Descriptor) -> (Manifest, Config) {
    let layout = Layout::open(sandbox.path().join("img")).unwrap();
    let manifest = layout.manifest(root).unwrap();
    let config = layout.config(&manifest.config).unwrap();
    (manifest, config)
}

fn build(sandbox: &Sandbox, more: &[&str]) -> Run {
    let args = ["build", "hello", "--output", "oci:img", QUIET];
    sandbox.run(&[&args, more].concat())
}

fn root(sandbox: &Sandbox) -> Descriptor {
    let layout = Layout::open(sandbox.path().join("img")).unwrap();
    layout.find(&"team/hello".parse().unwrap()).unwrap()
}

#[test]
fn an_image_continues_its_base() {
    let sandbox = Sandbox::new();
    let on = base(&sandbox.path().join("os"), "debian", &BOTH, &release("1"));
    let args = ["--base", "oci:os:debian", "--platform", "linux/amd64"];
    build(&sandbox, &args).reference();
    let (manifest, config) = read(&sandbox, &root(&sandbox));
    assert_eq!(manifest.layers.len(), 2, "the base's and the binary's");
    assert_eq!(
        manifest.layers[0].media_type,
        MediaType::OCI_LAYER_GZIP.into()
    );
    assert_eq!(
        config.args(),
        ["/usr/local/bin/hello", "--x"],
        "the command of the base is for its own entrypoint"
    );
    assert_eq!(config.user(), "1000:1000");
    assert_eq!(config.working_dir(), "/srv");
    assert_eq!(config.env(), ["A=b", "PATH=/base/bin"]);
    let run = config.spec.config().clone().unwrap();
    let mut ports = run.exposed_ports().clone().unwrap();
    ports.sort();
    assert_eq!(ports, ["5000/tcp", "80/tcp"]);
    let labels = run.labels().clone().unwrap();
    assert_eq!(labels["vendor"], "base");
    assert_eq!(labels["org.opencontainers.image.version"], "1.2.3");
    assert!(!labels.contains_key("org.opencontainers.image.licenses"));
    let by = created_by(&config);
    assert_eq!(by[..2], ["ADD base", "CMD sh"]);
    assert_eq!(by.len(), 3, "{by:?}");
    let os = Layout::open(sandbox.path().join("os")).unwrap();
    let of_base = os.select(&on, &"linux/amd64".parse().unwrap()).unwrap();
    assert_eq!(
        manifest.annotations["org.opencontainers.image.base.digest"],
        of_base.digest.to_string()
    );
    let verified = sandbox.run(&["verify", "oci:img"]);
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
    let path = sandbox.path();
    tool(
        path,
        "umoci",
        &["unpack", "--image", "img:team/hello", "bundle"],
    );
    assert_eq!(sandbox.read("bundle/rootfs/etc/os-release"), "1");
    assert!(path.join("bundle/rootfs/usr/local/bin/hello").is_file());
    tool(
        path,
        "skopeo",
        &["copy", "--quiet", "oci:img:team/hello", "dir:copy"],
    );
}

#[test]
fn a_layout_with_the_bills_of_its_one_image_is_a_base() {
    let sandbox = Sandbox::new();
    let first = ["build", "hello", "--sbom", "--output", "oci:os", QUIET];
    sandbox.run(&first).reference();
    let entries = Layout::open(sandbox.path().join("os")).unwrap().entries();
    assert_eq!(entries.unwrap().len(), 2, "the image and its bill");
    build(&sandbox, &["--base", "oci:os"]).reference();
}

#[test]
fn settings_override_the_base() {
    let sandbox = Sandbox::new();
    base(
        &sandbox.path().join("hello/os"),
        "x",
        &BOTH[..1],
        &release("1"),
    );
    let manifest = sandbox.read("hello/Cargo.toml").replace(
        "[package.metadata.image]\n",
        "[package.metadata.image]\nbase = \"oci:os\"\nuser = \"7\"\nworkdir = \"/work\"\n\
         entrypoint = [\"/bin/tini\", \"--\"]\nstop-signal = \"SIGINT\"\nvolumes = [\"/data\"]\n\
         annotations = { team = \"a\" }\nlabels = { vendor = \"us\" }\n",
    );
    sandbox.write("hello/Cargo.toml", &manifest);
    build(&sandbox, &["--platform", "linux/amd64"]).reference();
    let (manifest, config) = read(&sandbox, &root(&sandbox));
    assert_eq!(config.args(), ["/bin/tini", "--", "--x"]);
    assert_eq!(config.user(), "7:7");
    assert_eq!(config.working_dir(), "/work");
    let run = config.spec.config().clone().unwrap();
    assert_eq!(run.stop_signal().as_deref(), Some("SIGINT"));
    assert_eq!(run.volumes().clone().unwrap(), ["/data"]);
    assert_eq!(run.labels().clone().unwrap()["vendor"], "us");
    assert_eq!(manifest.annotations["team"], "a");
    // The command line comes first. Without the base, its program is missing.
    let args = ["--platform", "linux/amd64", "--base", "scratch"];
    build(&sandbox, &args).fails(2, "the program `/bin/tini` is not in the image");
    let own = sandbox.read("hello/Cargo.toml");
    sandbox.write("hello/Cargo.toml", &own.replace("/bin/tini", "hello"));
    build(&sandbox, &args).reference();
    let (manifest, _) = read(&sandbox, &root(&sandbox));
    assert!(
        !manifest
            .annotations
            .contains_key("org.opencontainers.image.base.digest")
    );
}

#[test]
fn a_base_for_other_platforms_is_refused_before_compiling() {
    let sandbox = Sandbox::new();
    base(&sandbox.path().join("os"), "one", &BOTH[1..], &release("1"));
    base(
        &sandbox.path().join("os"),
        "two",
        &["linux/arm64", "linux/s390x"],
        &release("1"),
    );
    for (name, available) in [("one", "linux/arm64"), ("two", "linux/arm64, linux/s390x")] {
        let on = format!("oci:os:{name}");
        let run = build(&sandbox, &["--platform", "linux/amd64", "--base", &on]);
        let expected = format!(
            "error: cannot use the base `{on}`\n  \
             Caused by: no image for linux/amd64; available: {available}\n\
             hint: leave the other platforms out with --platform, or choose a base that has them\n"
        );
        assert_eq!((run.code, run.stderr), (Some(2), expected));
    }
    assert!(!sandbox.path().join("img").exists());
    assert!(!sandbox.path().join("imagebuilder.lock").exists());
}

#[test]
fn the_digest_of_a_base_stays_pinned_until_it_is_updated() {
    let sandbox = Sandbox::new();
    let os = sandbox.path().join("os");
    let first = base(&os, "debian", &BOTH, &release("1"));
    let args = ["--base", "oci:os:debian", "--platform", "linux/amd64"];
    let with = |more: &[&str]| build(&sandbox, &[&args[..], more].concat());
    let locked = with(&["--locked"]);
    locked.fails(
        2,
        "it is not in `[WS]/imagebuilder.lock`, and --locked or --frozen was given",
    );
    let built = with(&[]).reference();
    let lock = sandbox.read("imagebuilder.lock");
    assert!(
        lock.contains(&format!(
            "name = \"oci:os:debian\"\ndigest = \"{}\"",
            first.digest
        )),
        "{lock}"
    );
    assert_eq!(with(&["--locked"]).reference(), built);

    let second = base(&os, "debian", &BOTH, &release("2"));
    let moved = with(&[]);
    moved.fails(
        2,
        "hint: to use the image that it has now, give --update-base",
    );
    assert_eq!(sandbox.read("imagebuilder.lock"), lock);
    // As long as the layout has the image under another name, the pinned digest is used.
    let mut kept = first.clone();
    let name = (
        "org.opencontainers.image.ref.name".to_owned(),
        "old".to_owned(),
    );
    kept.annotations.extend([name]);
    Layout::open(&os).unwrap().put_index_entry(&kept).unwrap();
    assert_eq!(with(&[]).reference(), built);
    assert_ne!(with(&["--update-base"]).reference(), built);
    let lock = sandbox.read("imagebuilder.lock");
    assert!(lock.contains(&second.digest.to_string()), "{lock}");
    assert!(!lock.contains(&first.digest.to_string()), "{lock}");

    sandbox.write("imagebuilder.lock", "version = 1\nbase = 3\n");
    let invalid = with(&[]);
    invalid.fails(2, "invalid `[WS]/imagebuilder.lock`");
}

#[test]
fn a_missing_base_is_reported() {
    let sandbox = Sandbox::new();
    base(&sandbox.path().join("os"), "a", &BOTH[..1], &release("1"));
    base(&sandbox.path().join("os"), "b", &BOTH[..1], &release("2"));
    for (on, code, expected) in [
        ("oci:none", 2, "`none` is not an OCI image layout"),
        ("oci:os:c", 2, "`os` has no image `c`; available: `a`, `b`"),
        ("oci:os", 2, "`os` has 2 images, but only one can be used"),
        (
            "debian:12",
            2,
            "it names no registry: write it in front, such as docker.io/debian:12",
        ),
        ("docker:debian", 2, "an engine does not keep a registry's"),
    ] {
        let run = build(&sandbox, &["--base", on, "--platform", "linux/amd64"]);
        assert_eq!(run.code, Some(code), "{on}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{on}: {}", run.stderr);
    }
}

/// A layer with a folder `lib` would hide every library of a base where `lib` is a link.
#[test]
fn a_file_cannot_replace_a_link_of_the_base() {
    let sandbox = Sandbox::new();
    let mut files = release("1");
    files.push(("lib -> usr/lib".to_owned(), Vec::new()));
    base(&sandbox.path().join("os"), "x", &BOTH[..1], &files);
    sandbox.write("hello/x.so", "x");
    let manifest = sandbox.read("hello/Cargo.toml");
    let header = "[package.metadata.image]\n";
    let set = |dest: &str| {
        let assets = format!("{header}assets = [{{ src = \"x.so\", dest = \"{dest}\" }}]\n");
        sandbox.write("hello/Cargo.toml", &manifest.replace(header, &assets));
        build(&sandbox, &["--platform", "linux/amd64", "--base", "oci:os"])
    };
    let run = set("/lib/x.so");
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    let expected = "/lib/x.so would replace /lib, which is a symbolic link to `usr/lib` in oci:os\n\
                    hint: put it into /usr/lib instead\n";
    assert!(run.stderr.ends_with(expected), "{}", run.stderr);
    set("/usr/lib/x.so").reference();
}
