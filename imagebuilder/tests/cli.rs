//! The real program on small workspaces: what it prints, how it ends, and what it leaves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test builds the environment of a program"
)]

mod sandbox;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

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
fn features_are_cargos() {
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
    assert_eq!(unknown.code, Some(1), "{}", unknown.stderr);
    assert!(unknown.stderr.contains("lout"), "{}", unknown.stderr);
}

/// Its own paths, a build script's, a dependency's: all of them are in panic messages.
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
fn json_is_one_object_of_known_fields() {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Report {
        digest: String,
        media_type: String,
        name: String,
        reference: String,
        schema_version: u32,
        size_bytes: u64,
    }
    let sandbox = Sandbox::new();
    let args = [
        "build",
        "hello",
        "--output",
        "oci:img",
        "--format",
        "json",
        "--progress=json",
    ];
    let run = sandbox.run(&args);
    let report: Report = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        report.reference,
        format!("{}@{}", report.name, report.digest)
    );
    assert_eq!(
        (report.schema_version, report.name.as_str()),
        (1, "team/hello")
    );
    assert!(report.media_type.ends_with("manifest.v1+json") && report.size_bytes > 0);
    for line in run.stderr.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["level"], "status");
    }
}

#[test]
fn what_cannot_be_built_says_why_and_leaves_nothing() {
    let sandbox = Sandbox::new();
    let check = |package: &str, code: i32, expected: &str| {
        let run = sandbox.run(&["build", package, "--output", "oci:none", QUIET]);
        assert_eq!(
            (run.code, run.stderr.as_str()),
            (Some(code), expected),
            "{package}"
        );
        assert_eq!(run.stdout, "");
        assert!(!sandbox.path().join("none").exists());
    };
    check(
        "helo",
        2,
        "error: cannot build an image of `helo`\n  \
         Caused by: the workspace `[WS]` has no package `helo`, only `hello`, `lib`, `two`\n\
         hint: did you mean `hello`?\n",
    );
    check(
        "lib",
        2,
        "error: cannot build an image of `lib`\n  \
         Caused by: package `lib` has no binary to put into an image\n\
         hint: an image runs a program: give the package a src/main.rs or a [[bin]]\n",
    );
    check(
        "two",
        2,
        "error: cannot build an image of `two`\n  \
         Caused by: package `two` has several binaries: `a`, `b`\n\
         hint: choose one with --bin, or `bin = \"…\"` in [package.metadata.image]\n",
    );
    sandbox.package("lib", "[package.metadata.image]\nprots = [1]\n");
    check(
        "lib",
        2,
        "error: cannot build an image of `lib`\n  \
         Caused by: invalid [package.metadata.image] in `[WS]/lib/Cargo.toml`, line 6\n  \
         Caused by: unknown field `prots`, expected one of `name`, `bin`, `ports`, `user`, `env`, \
         `args`, `labels`, `build-env`, `features`, `no-default-features`\n",
    );
}

#[test]
fn an_invalid_setting_is_named_with_its_line() {
    let sandbox = Sandbox::new();
    let check = |settings: &str, line: usize, expected: &str| {
        sandbox.package("lib", &format!("[package.metadata.image]\n{settings}\n"));
        let run = sandbox.run(&["build", "lib", QUIET]);
        let expected = format!(
            "error: cannot build an image of `lib`\n  \
             Caused by: invalid [package.metadata.image] in `[WS]/lib/Cargo.toml`, line {line}\n  \
             Caused by: {expected}\n"
        );
        assert_eq!((run.code, run.stderr), (Some(2), expected), "{settings}");
    };
    check(
        "ports = [0]",
        6,
        "`ports`: invalid value: integer `0`, expected a nonzero u16",
    );
    check(
        "bin = \"b\"\nuser = \"app\"",
        7,
        "`user`: `app` is not a user: expected UID or UID:GID, in numbers",
    );
    check(
        "args = 3",
        6,
        "`args`: invalid type: integer `3`, expected a sequence",
    );
}

#[test]
fn a_layout_gets_the_image_under_the_name_that_was_given() {
    let sandbox = Sandbox::new();
    let build = |output: &str, more: &[&str]| {
        let args = ["build", "hello", "--output", output, QUIET];
        sandbox.run(&[&args, more].concat()).reference()
    };
    let names = || {
        let layout = Layout::open(sandbox.path().join("img")).unwrap();
        let images = layout.images().unwrap();
        let names = images
            .iter()
            .map(|image| image.ref_name().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(build("oci:img:x/y:v1", &[]).name(), "x/y");
    assert_eq!(names(), ["x/y:v1"]);
    build("oci:img:x/y", &["--tag", "v2"]);
    assert_eq!(names(), ["x/y:v1", "x/y:v2"]);
}

#[test]
fn several_packages_are_built_unless_their_images_have_one_name() {
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
            "error: `hello` and `two` have images of one name, `team/hello`\n\
             hint: set `name` in the [package.metadata.image] of one of them\n"
        );
    }
    let one_name = ["build", "hello", "two", "--output", "oci:img:x", QUIET];
    assert_eq!(sandbox.run(&one_name).code, Some(2));
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
fn every_line_of_json_progress_is_json() {
    let sandbox = Sandbox::new();
    sandbox.write("hello/src/main.rs", "fn main() { oops }\n");
    let run = sandbox.run(&["build", "hello", "--progress=json"]);
    let levels: Vec<String> = run
        .stderr
        .lines()
        .map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            event["level"].as_str().unwrap().to_owned()
        })
        .collect();
    assert!(
        levels.iter().any(|level| level == "diagnostic"),
        "{}",
        run.stderr
    );
    assert_eq!(levels.last().unwrap(), "error");
}

#[test]
fn a_path_of_this_machine_in_the_binary_is_found() {
    let sandbox = Sandbox::new();
    let source = "fn main() { print!(\"{}/x\", env!(\"CARGO_MANIFEST_DIR\")); }\n";
    sandbox.write("hello/src/main.rs", source);
    let args = ["build", "hello", "--output", "oci:img", QUIET];
    let run = sandbox.run(&args);
    let expected =
        "warning: the binary of hello contains `[WS]/hello/x`: its digest depends on this path\n";
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), expected));
    fs::remove_dir_all(sandbox.path().join("img")).unwrap();
    let run = sandbox.run(&[&args[..], &["--deny-paths"]].concat());
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    assert!(
        run.stderr
            .contains("contains `[WS]/hello/x`, a path of this machine"),
        "{}",
        run.stderr
    );
    let layout = Layout::open(sandbox.path().join("img")).unwrap();
    assert!(layout.images().unwrap().is_empty());
}

#[test]
fn a_layout_is_inspected_and_verified() {
    let sandbox = Sandbox::new();
    let platforms = "linux/amd64,linux/arm64";
    let args = [
        "build",
        "hello",
        "--output",
        "oci:img",
        QUIET,
        "--platform",
        platforms,
    ];
    let reference = sandbox.run(&args).reference();
    let text = sandbox.run(&["inspect", "oci:img", "--files"]).stdout;
    for expected in [
        "name        team/hello\n",
        "  platform    linux/arm64\n",
        "  args        /usr/local/bin/hello --x\n",
        "  user        65532:65532\n",
        "    drwxrwxrwt 0:0                 0 B tmp/\n",
        " usr/local/bin/hello\n",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let json = sandbox
        .run(&["inspect", "oci:img:team/hello", "--format=json"])
        .stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let image = &json["images"][0];
    assert_eq!(image["digest"], reference.digest().unwrap().to_string());
    assert_eq!(image["manifests"][1]["platform"], "linux/arm64");
    let layer = &image["manifests"][1]["layers"][1];
    assert_eq!(layer["files"], serde_json::Value::Null);

    let verify = || sandbox.run(&["verify", "oci:img", QUIET]);
    let expected = format!("{} team/hello\n", reference.digest().unwrap());
    let run = verify();
    assert_eq!(
        (run.code, run.stdout),
        (Some(0), expected),
        "{}",
        run.stderr
    );
    let digest = layer["digest"].as_str().unwrap().replace(':', "/");
    let blob = sandbox.path().join("img/blobs").join(digest);
    let whole = fs::read(&blob).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    for bytes in [&damaged[..], &whole[1..], &[&whole[..], b"x"].concat()] {
        fs::write(&blob, bytes).unwrap();
        let run = verify();
        assert_eq!(
            (run.code, run.stdout.as_str()),
            (Some(5), ""),
            "{}",
            run.stderr
        );
        let expected = "error: the image `team/hello` is damaged\n";
        assert!(run.stderr.starts_with(expected), "{}", run.stderr);
    }
    fs::remove_file(&blob).unwrap();
    assert_eq!(verify().code, Some(1));
}

#[test]
fn a_binary_is_chosen_by_the_command_line() {
    let sandbox = Sandbox::new();
    let args = ["build", "two", "--bin", "b", QUIET];
    assert_eq!(sandbox.run(&args).reference().name(), "b");
}

#[test]
fn a_compile_error_is_cargos_own_and_ends_with_1() {
    let sandbox = Sandbox::new();
    sandbox.write("hello/src/main.rs", "fn main() { oops }\n");
    let run = sandbox.run(&["build", "hello", "--output", "oci:img", QUIET]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    assert!(
        run.stderr.contains("cannot find value `oops`"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .contains("Caused by: Cargo could not compile package `hello`")
    );
}

#[test]
fn the_command_line_is_checked_before_anything_is_done() {
    let sandbox = Sandbox::new();
    for (args, expected) in [
        (
            &["build", "hello", "--output", "img"][..],
            "expected oci:DIR[:NAME], tar:FILE[:NAME]",
        ),
        (
            &["build", "hello", "--output", "oci:i", "--platform", "linux"],
            "is not a platform",
        ),
        (
            &["build", "hello", "--output", "oci:i", "--tag", "-"],
            "a tag is a letter",
        ),
        (
            &[
                "build",
                "hello",
                "--output",
                "oci:i",
                "--platform",
                "linux/s390x",
            ],
            "only linux/amd64",
        ),
    ] {
        let run = sandbox.run(args);
        assert_eq!(run.code, Some(2), "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{args:?}: {}", run.stderr);
    }
    assert!(!sandbox.path().join("target").exists());
}

#[test]
fn a_foreign_directory_is_not_written_into() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["build", "hello", "--output", "oci:lib", QUIET]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("`lib` is not an OCI image layout"),
        "{}",
        run.stderr
    );
}

#[test]
fn manifests_are_resolved_and_nothing_else_is_changed() {
    let sandbox = Sandbox::new();
    sandbox.write("k8s/b.yml", "image: 'cargo://hello' # why\r\n");
    sandbox.write(
        "k8s/a.yaml",
        "# first\nspec: {image: cargo://hello, x: \"y\"}",
    );
    sandbox.write("k8s/ignored.txt", "image: cargo://none");
    let run = sandbox.run(&["resolve", "-f", "k8s", "--output", "oci:img", QUIET]);
    let image = sandbox
        .run(&["build", "hello", "--output", "oci:img", QUIET])
        .reference();
    assert_eq!(
        run.stdout,
        format!("# first\nspec: {{image: {image}, x: \"y\"}}\n---\nimage: '{image}' # why\r\n")
    );
    sandbox.write(
        "c.yaml",
        "a: cargo://hello\n---\nb:\n  image: cargo://hllo\n",
    );
    let run = sandbox.run(&["resolve", "-f", "c.yaml", "--output", "oci:img", QUIET]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert_eq!(
        run.stderr,
        "error: cannot resolve `cargo://hllo` of c.yaml, line 4\n  \
         Caused by: the workspace `[WS]` has no package `hllo`, only `hello`, `lib`, `two`\n\
         hint: did you mean `hello`?\n"
    );
    sandbox.write("d.yaml", "a: [b\n");
    let run = sandbox.run(&["resolve", "-f", "d.yaml", "--output", "oci:img", QUIET]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("Caused by: not YAML: "),
        "{}",
        run.stderr
    );
}

/// Whatever the moment of its death, what it leaves is a valid layout, or nothing.
#[test]
fn a_killed_build_leaves_a_valid_layout() {
    let sandbox = Sandbox::new();
    let args = ["build", "hello", "--output", "oci:img", QUIET];
    let reference = sandbox.run(&args).reference();
    for round in 0..25 {
        let mut child = sandbox
            .command(&args)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(round * 12));
        let _ = child.kill();
        child.wait().unwrap();
        let layout = Layout::open(sandbox.path().join("img")).unwrap();
        let image = layout.find(&reference).unwrap();
        let manifest = layout.manifest(&image).unwrap();
        for layer in &manifest.layers {
            std::io::copy(&mut layout.blob(layer).unwrap(), &mut std::io::sink()).unwrap();
        }
    }
    assert_eq!(sandbox.run(&args).reference(), reference);
    assert_eq!(
        fs::read_dir(sandbox.path().join("img/.ingest"))
            .unwrap()
            .count(),
        0
    );
}
