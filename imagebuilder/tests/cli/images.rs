//! The images that a build creates from a workspace, and their content.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use oci::Kind;
use oci::image::Config;
use oci::layout::Layout;

use crate::sandbox::{QUIET, Run, Sandbox};

#[test]
fn an_image_is_built_named_and_described() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["build", "hello", "--output", "oci:img", QUIET]);
    assert_eq!(run.stderr, "");
    let reference = run.reference();
    assert_eq!(reference.name(), "team/hello");
    let layout = Layout::open(sandbox.path().join("img")).unwrap();
    let found = layout.find(&"team/hello".parse().unwrap()).unwrap();
    assert_eq!(Some(found.digest), reference.digest());
    let manifest = layout.manifest(&found).unwrap();
    let config: Config = layout.config(&manifest.config).unwrap();
    assert_eq!(config.args(), ["/usr/local/bin/hello", "--x"]);
    assert_eq!(config.user(), "65532:65532");
    assert_eq!(
        config.env(),
        [
            "A=b",
            "PATH=/usr/local/bin:/usr/bin:/bin",
            "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"
        ]
    );
    assert_eq!(
        manifest.annotations["org.opencontainers.image.version"],
        "1.2.3"
    );
    assert_eq!(manifest.layers.len(), config.diff_ids().unwrap().len());
}

#[test]
fn features_are_passed_to_cargo() {
    let sandbox = Sandbox::new();
    let manifest = sandbox.read("hello/Cargo.toml") + "\n[features]\nloud = []\n";
    sandbox.write("hello/Cargo.toml", &manifest);
    sandbox.write(
        "hello/src/main.rs",
        "fn main() { println!(\"{}\", if cfg!(feature = \"loud\") { \"HELLO\" } else { \"hello\" }); }\n",
    );
    let build = |features: &[&str]| {
        let args = ["build", "hello", "--output", "oci:img", QUIET];
        sandbox.run(&[&args, features].concat())
    };
    let quiet = build(&[]).reference();
    assert_ne!(build(&["--features", "loud"]).reference(), quiet);
    assert_eq!(build(&[]).reference(), quiet);
    let unknown = build(&["--features", "lout"]);
    unknown.fails(1, "lout");
}

/// Panic messages contain paths of the program, of a build script and of a dependency.
fn with_paths() -> Sandbox {
    let sandbox = Sandbox::with_dependencies("serde_json = \"1\"\n");
    sandbox.write(
        "hello/build.rs",
        "fn main() {
             let out = std::env::var(\"OUT_DIR\").unwrap();
             std::fs::write(out + \"/at.rs\", \"fn at(v: &[u8]) -> u8 { v[3] }\").unwrap();
         }",
    );
    sandbox.write(
        "hello/src/main.rs",
        "include!(concat!(env!(\"OUT_DIR\"), \"/at.rs\"));
         fn main() {
             let text = std::env::args().nth(1).unwrap();
             lib::check(text.len());
             let value: serde_json::Value = serde_json::from_str(&text).unwrap();
             println!(\"{value} {}\", at(text.as_bytes()));
         }",
    );
    sandbox
}

#[test]
fn two_folders_give_the_same_digest_and_a_time_another() {
    let (one, other) = (with_paths(), with_paths());
    let args = ["build", "hello", "--output", "oci:img", QUIET];
    let first = one.run(&args).reference();
    let elsewhere = tempfile::tempdir().unwrap();
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| std::env::home_dir().unwrap().join(".cargo"));
    symlink(home, elsewhere.path().join("cargo")).unwrap();
    let mut second = other.command(&args);
    second
        .env("CARGO_TARGET_DIR", elsewhere.path().join("target"))
        .env("CARGO_HOME", elsewhere.path().join("cargo"))
        .env("RUSTFLAGS", "-Cdebuginfo=2")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
    let second = Run::of(other.path(), second.output().unwrap());
    assert_eq!(first, second.reference());
    assert!(
        second
            .stderr
            .contains("warning: not used, since the image would depend on it: "),
        "{}",
        second.stderr
    );
    let binary = one
        .path()
        .join("target/x86_64-unknown-linux-musl/release/hello");
    if let Ok(binary) = fs::read(binary) {
        let text = String::from_utf8_lossy(&binary);
        assert!(text.contains("/target/") && text.contains("/cargo/registry/serde_json"));
        let root = one.path().canonicalize().unwrap();
        assert!(
            !text.contains(&*root.to_string_lossy()),
            "a path of this machine is in the binary"
        );
    }
    let mut later = one.command(&args);
    let later = Run::of(
        one.path(),
        later.env("SOURCE_DATE_EPOCH", "1").output().unwrap(),
    );
    assert_ne!(first, later.reference());
}

#[test]
fn several_platforms_make_an_index() {
    let sandbox = Sandbox::new();
    let platforms = "linux/amd64,linux/arm64";
    let args = [
        "build",
        "hello",
        "--platform",
        platforms,
        "--tag",
        "v1",
        "--output",
        "oci:img",
    ];
    let run = sandbox.run(&args);
    let reference = run.reference();
    let layout = Layout::open(sandbox.path().join("img")).unwrap();
    let found = layout.find(&"team/hello:v1".parse().unwrap()).unwrap();
    assert_eq!(Some(found.digest), reference.digest());
    assert_eq!(found.media_type.kind(), Kind::Index);
    let manifests = layout.index(&found).unwrap().manifests;
    let base = |at: usize| layout.manifest(&manifests[at]).unwrap().layers[0].digest;
    assert_eq!(base(0), base(1), "the base layer is shared");
    let platforms: Vec<_> = manifests
        .iter()
        .map(|m| m.platform.as_ref().unwrap().to_string())
        .collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
}

#[test]
fn several_packages_are_built_unless_their_images_have_the_same_name() {
    let sandbox = Sandbox::new();
    sandbox.package("two", "[package.metadata.image]\nbin = \"a\"\n");
    let args = ["build", "hello", "two", "--output", "oci:img", QUIET];
    let run = sandbox.run(&args);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let names: Vec<_> = run
        .stdout
        .lines()
        .map(|line| line.split('@').next().unwrap())
        .collect();
    assert_eq!(names, ["team/hello", "a"]);

    let settings = "[package.metadata.image]\nbin = \"a\"\nname = \"team/hello\"\n";
    sandbox.package("two", settings);
    sandbox.write("a.yaml", "[cargo://hello, cargo://two]");
    for args in [
        &args[..],
        &["resolve", "-f", "a.yaml", "--output", "oci:img", QUIET],
    ] {
        let run = sandbox.run(args);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert_eq!(
            run.stderr,
            "error: the images of `hello` and `two` have the same name, `team/hello`\n\
             hint: set `name` in the [package.metadata.image] of one of them\n"
        );
    }
    let one_name = ["build", "hello", "two", "--output", "oci:img:x", QUIET];
    assert_eq!(sandbox.run(&one_name).code, Some(2));
}

#[test]
fn a_copy_is_not_named_by_the_digest_of_another_image() {
    let sandbox = Sandbox::new();
    let args = ["build", "hello", "--output", "oci:img", QUIET];
    let digest = sandbox.run(&args).reference().digest().unwrap();
    let copy = |to: &str| sandbox.run(&["copy", "oci:img", to, QUIET]);
    let other = format!("foo@sha256:{}", "b".repeat(64));
    for store in ["oci:new", "tar:new", "docker"] {
        let expected = format!("error: `{other}` names an image other than {digest}\n");
        let run = copy(&format!("{store}:{other}"));
        assert_eq!((run.code, run.stderr), (Some(2), expected), "{store}");
        assert!(!sandbox.path().join("new").exists());
    }
    copy(&format!("oci:new:foo@{digest}")).succeeds();
    let verified = sandbox.run(&["verify", "oci:new:foo", QUIET]);
    assert_eq!(
        verified.stdout,
        format!("{digest} foo\n"),
        "{}",
        verified.stderr
    );
}

#[test]
fn a_package_is_named_as_in_cargo() {
    let sandbox = Sandbox::new();
    let expected = sandbox.run(&["build", "hello", QUIET]).reference();
    let url = format!(
        "file://{}/hello#1.2.3",
        sandbox.path().canonicalize().unwrap().display()
    );
    for spec in ["hello@1.2.3", "./hello", &url] {
        assert_eq!(
            sandbox.run(&["build", spec, QUIET]).reference(),
            expected,
            "{spec}"
        );
    }
}

#[test]
fn a_platform_that_is_named_twice_is_built_once() {
    let sandbox = Sandbox::new();
    let platforms = "linux/amd64,linux/x86_64,linux/amd64";
    let args = [
        "build",
        "hello",
        "--format=json",
        QUIET,
        "--platform",
        platforms,
    ];
    let run = sandbox.run(&args);
    assert!(run.stdout.contains("manifest.v1+json"), "{}", run.stdout);
}

#[test]
fn a_binary_is_chosen_by_the_command_line() {
    let sandbox = Sandbox::new();
    let args = ["build", "two", "--bin", "b", QUIET];
    assert_eq!(sandbox.run(&args).reference().name(), "b");
}

#[test]
fn several_binaries_of_a_package_are_layers_of_one_image() {
    let sandbox = Sandbox::new();
    let layout = || Layout::open(sandbox.path().join("img")).unwrap();
    let build = |more: &[&str]| {
        let args = ["build", "two", "--output", "oci:img", QUIET];
        let run = sandbox.run(&[&args, more].concat());
        let reference = run.reference();
        let root = layout().find(&reference.clone().without_digest()).unwrap();
        let manifest = layout().manifest(&root).unwrap();
        (reference, manifest)
    };
    let bins = ["--bin", "b", "--bin", "a", "--bin", "b"];
    let (reference, manifest) = build(&bins);
    assert_eq!(reference.name(), "b");
    assert_eq!(manifest.layers.len(), 3);
    let config: Config = layout().config(&manifest.config).unwrap();
    assert_eq!(config.args(), ["/usr/local/bin/b"]);
    let files = sandbox.run(&["inspect", "oci:img", "--files"]).stdout;
    for bin in ["usr/local/bin/a", "usr/local/bin/b"] {
        assert!(files.contains(bin), "{files}");
    }
    // The settings say the same.
    sandbox.package("two", "[package.metadata.image]\nbin = [\"b\", \"a\"]\n");
    assert_eq!(build(&[]).0, reference);
    // An edit of one binary changes only its layer, and each has a bill of materials.
    sandbox.write("two/src/bin/a.rs", "fn main() { println!(); }\n");
    let (_, edited) = build(&["--sbom"]);
    assert_eq!(edited.layers[..2], manifest.layers[..2]);
    assert_ne!(edited.layers[2], manifest.layers[2]);
    let shown = sandbox.run(&["inspect", "oci:img", "--sbom"]).stdout;
    assert_eq!(shown.matches("application/spdx+json").count(), 2, "{shown}");
    // None of them may be hidden by an asset.
    let assets = "assets = [{ src = \"src\", dest = \"/usr/local/bin/a\" }]\n";
    sandbox.package(
        "two",
        &format!("[package.metadata.image]\nbin = [\"b\", \"a\"]\n{assets}"),
    );
    let run = sandbox.run(&["build", "two", QUIET]);
    run.fails(2, "usr/local/bin/a");
}
