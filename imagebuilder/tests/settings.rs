//! `[package.metadata.image]` and `[workspace.metadata.image]`, and their effects on an image.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod sandbox;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use oci::image::{Config, Manifest};
use oci::layout::Layout;

use crate::sandbox::{QUIET, Run, Sandbox, created_by, tool};

fn build(sandbox: &Sandbox, more: &[&str]) -> Run {
    let args = ["build", "hello", "--output", "oci:img", QUIET];
    sandbox.run(&[&args, more].concat())
}

fn read(sandbox: &Sandbox) -> (Manifest, Config) {
    let layout = Layout::open(sandbox.path().join("img")).unwrap();
    let root = layout.find(&"team/hello".parse().unwrap()).unwrap();
    let manifest = layout.manifest(&root).unwrap();
    let config = layout.config(&manifest.config).unwrap();
    (manifest, config)
}

/// Adds lines to the settings of `hello`.
fn set(sandbox: &Sandbox, lines: &str) {
    let manifest = sandbox.read("hello/Cargo.toml");
    let header = "[package.metadata.image]\n";
    sandbox.write(
        "hello/Cargo.toml",
        &manifest.replace(header, &format!("{header}{lines}")),
    );
}

#[test]
fn assets_are_a_layer_of_their_own_below_the_binary() {
    let sandbox = Sandbox::new();
    sandbox.write("hello/web/index.html", "index");
    sandbox.write("hello/web/css/x.css", "x");
    set(
        &sandbox,
        "assets = [{ src = \"web\", dest = \"/srv\", mode = \"0640\", owner = \"0:7\" },\n\
         { src = \"web/**/*.css\", dest = \"/css/\" }]\n",
    );
    build(&sandbox, &[]).reference();
    let (before, config) = read(&sandbox);
    assert_eq!(
        created_by(&config),
        [
            "imagebuilder: base files",
            "imagebuilder: assets",
            "imagebuilder: cargo build --release"
        ]
    );
    tool(
        sandbox.path(),
        "umoci",
        &["unpack", "--image", "img:team/hello", "bundle"],
    );
    assert_eq!(sandbox.read("bundle/rootfs/srv/index.html"), "index");
    assert_eq!(sandbox.read("bundle/rootfs/css/css/x.css"), "x");
    // An edit of the sources changes only the last layer, and an edit of an asset only the assets' layer.
    sandbox.write("hello/src/main.rs", "fn main() { println!(\"other\"); }\n");
    build(&sandbox, &[]).reference();
    let (edited, _) = read(&sandbox);
    assert_eq!(edited.layers[..2], before.layers[..2]);
    assert_ne!(edited.layers[2], before.layers[2]);
    sandbox.write("hello/web/index.html", "other");
    build(&sandbox, &[]).reference();
    let (asset, _) = read(&sandbox);
    assert_eq!(asset.layers[0], before.layers[0]);
    assert_ne!(asset.layers[1], before.layers[1]);
    assert_eq!(asset.layers[2], edited.layers[2]);
    fs::remove_dir_all(sandbox.path().join("hello/web")).unwrap();
    let gone = build(&sandbox, &[]);
    gone.fails(2, "the asset `web` does not exist");
}

/// Otherwise each build would pack what the previous one wrote.
#[test]
fn what_a_build_writes_is_not_an_asset() {
    let sandbox = Sandbox::new();
    sandbox.write("hello/web/index.html", "index");
    set(&sandbox, "assets = [{ src = \"web\", dest = \"/srv\" }]\n");
    let built = || {
        let outputs = [
            "--output",
            "oci:hello/web/img",
            "--output",
            "tar:hello/web/x.tar",
        ];
        let sboms = ["--sbom-dir", "hello/web/sbom"];
        let args = [&["build", "hello", QUIET][..], &outputs, &sboms].concat();
        sandbox.run(&args).reference()
    };
    let first = built();
    assert!(sandbox.path().join("hello/web/x.tar").exists());
    assert_eq!(built(), first);
    let assembled = || {
        let files = [
            "--file",
            "hello/web:/srv:0755",
            "--entrypoint",
            "/srv/index.html",
        ];
        let output = ["--output", "oci:hello/web/other"];
        let args = [&["assemble", "web", QUIET][..], &files, &output].concat();
        sandbox.run(&args).reference()
    };
    let first = assembled();
    assert_eq!(assembled(), first);
}

#[test]
fn an_asset_cannot_have_the_path_of_the_binary() {
    let sandbox = Sandbox::new();
    sandbox.write("hello/x", "x");
    set(
        &sandbox,
        "assets = [{ src = \"x\", dest = \"/usr/local//bin/hello\" }]\n",
    );
    let run = build(&sandbox, &[]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    let expected = "the asset /usr/local/bin/hello has the path of a binary";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}

#[test]
fn an_asset_does_not_contain_what_builds_write() {
    let sandbox = Sandbox::new();
    set(&sandbox, "assets = [{ src = \"..\", dest = \"/srv\" }]\n");
    let build = || sandbox.run(&["build", "hello", QUIET]).reference();
    build();
    let second = build();
    assert_eq!(
        build(),
        second,
        "Cargo.lock is there, and nothing else is new"
    );
    let files = sandbox
        .run(&["inspect", "oci:target/images", "--files"])
        .stdout;
    assert!(files.contains(" srv/hello/Cargo.toml\n"), "{files}");
    assert!(!files.contains(" srv/target"), "{files}");
}

#[test]
fn a_program_that_cannot_start_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("hello/data", "x");
    sandbox.write("hello/tool", "x");
    let tool = sandbox.path().join("hello/tool");
    fs::set_permissions(tool, fs::Permissions::from_mode(0o755)).unwrap();
    let manifest = sandbox
        .read("hello/Cargo.toml")
        .replace("args = [\"--x\"]\n", "");
    let run = |lines: &str| {
        let header = "[package.metadata.image]\n";
        let assets = "assets = [{ src = \"data\", dest = \"/srv/\" }, { src = \"tool\", dest = \"/opt/\" }]\n";
        let changed = manifest.replace(header, &format!("{header}{assets}{lines}\n"));
        sandbox.write("hello/Cargo.toml", &changed);
        build(&sandbox, &[])
    };
    let check = |lines: &str, expected: &str| {
        let run = run(lines);
        run.fails(2, expected);
        assert!(run.stderr.contains("\nhint: "), "{lines}: {}", run.stderr);
        assert!(!sandbox.path().join("img").exists());
    };
    check(
        "entrypoint = [\"/nope\"]",
        "the program `/nope` is not in the image",
    );
    check(
        "entrypoint = [\"nope\"]",
        "the program `nope` is not in the image",
    );
    check(
        "entrypoint = [\"/srv\"]",
        "the program `/srv` is not in the image",
    );
    check(
        "entrypoint = [\"tool\"]",
        "the program `tool` is not in the image",
    );
    check(
        "entrypoint = [\"/srv/data\"]",
        "the program `/srv/data` is not executable",
    );
    check(
        "entrypoint = [\"\"]",
        "the image's entrypoint names no program",
    );
    check("entrypoint = []", "the image's entrypoint names no program");
    check(
        "entrypoint = []\nargs = [\"/nope\"]",
        "the program `/nope` is not in the image",
    );
    for lines in [
        "entrypoint = [\"/usr/local/bin/hello\"]",
        "entrypoint = [\"/usr/local/../local//bin/hello\"]",
        "entrypoint = [\"hello\"]",
        "entrypoint = []\nargs = [\"hello\"]",
        "entrypoint = [\"opt/tool\"]",
        "entrypoint = [\"./tool\"]\nworkdir = \"/opt\"",
    ] {
        run(lines).succeeds();
    }
    sandbox.write(
        "hello/Cargo.toml",
        &sandbox
            .read("hello/Cargo.toml")
            .replace("A = \"b\"", "PATH = \"/opt:/bin\"")
            .replace("./tool", "tool"),
    );
    build(&sandbox, &[]).succeeds();
}

#[test]
fn a_workspace_has_defaults_for_its_packages() {
    let sandbox = Sandbox::new();
    let manifest = sandbox.read("Cargo.toml");
    let defaults = "[workspace.metadata.image]\nuser = \"7\"\nenv = { A = \"w\", W = \"w\" }\n\
                    platforms = [\"linux/amd64\", \"linux/arm64\"]\n";
    sandbox.write("Cargo.toml", &format!("{manifest}{defaults}"));
    build(&sandbox, &["--platform", "linux/amd64"]).reference();
    let (_, config) = read(&sandbox);
    assert_eq!(config.user(), "7:7");
    assert_eq!(config.env()[0], "A=b", "the package overrides it");
    assert!(config.env().contains(&"W=w".to_owned()));
    let both = build(&sandbox, &["--format", "json"]);
    assert!(
        both.stdout.contains("image.index.v1+json"),
        "{}",
        both.stdout
    );
    for (line, problem) in [
        (
            "name = \"x\"",
            "`name` cannot have a default for all packages: set it in the packages",
        ),
        (
            "user = 7",
            "`user`: invalid type: integer `7`, expected a string",
        ),
        (
            "platforms = [\"linux\"]",
            "`platforms`: `linux` is not a platform: expected OS/ARCHITECTURE[/VARIANT], such as linux/arm64",
        ),
    ] {
        let table = format!("{manifest}[workspace.metadata.image]\n{line}\n");
        sandbox.write("Cargo.toml", &table);
        let run = build(&sandbox, &[]);
        let expected = format!(
            "error: cannot build an image of `hello`\n  \
             Caused by: invalid [workspace.metadata.image] in `[WS]/Cargo.toml`, line 5\n  \
             Caused by: {problem}\n"
        );
        assert_eq!((run.code, run.stderr), (Some(2), expected), "{line}");
    }
}

#[test]
fn init_writes_a_table_that_builds() {
    let sandbox = Sandbox::new();
    sandbox.write("two/static/x", "x");
    sandbox.write("two/Dockerfile", "FROM scratch\nEXPOSE 8080\n");
    let printed = sandbox.run(&["init", "two", "--print"]);
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    assert!(!sandbox.read("two/Cargo.toml").contains("metadata"));
    let run = sandbox.run(&["init", "two"]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (Some(0), ""),
        "{}",
        run.stderr
    );
    let manifest = sandbox.read("two/Cargo.toml");
    assert!(manifest.ends_with(&printed.stdout), "{manifest}");
    for expected in [
        "bin = \"a\"",
        "ports = [8080]",
        "# assets = [{ src = \"static\"",
    ] {
        assert!(manifest.contains(&format!("\n{expected}")), "{manifest}");
    }
    let built = sandbox.run(&["build", "two", "--output", "oci:img", QUIET]);
    assert_eq!(built.reference().name(), "a");
    let again = sandbox.run(&["init", "two"]);
    again.fails(2, "already has [package.metadata.image]");
    assert_eq!(sandbox.read("two/Cargo.toml"), manifest);
    let library = sandbox.run(&["init", "lib"]);
    assert_eq!(library.code, Some(2), "{}", library.stderr);
}
