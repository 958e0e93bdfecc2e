//! Images of existing files, and what is left when packing fails or is killed.
//!
//! Needs `skopeo`, `umoci`, `cc` and, as root, `unshare`, `mount` and `chroot`; it fails where they are
//! missing.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test builds the environment of a program"
)]

mod sandbox;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use oci::Platform;
use oci::image::{Config, Manifest};
use oci::layout::Layout;

use crate::sandbox::{QUIET, Run, Sandbox, clear_environment, created_by, tool};

/// A folder with a script, a folder of files, and no Cargo workspace.
fn files() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("run.sh", "#!/bin/sh\necho \"$@\"\n");
    let script = sandbox.path().join("run.sh");
    fs::set_permissions(script, fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.write("web/index.html", "index");
    sandbox.write("web/css/x.css", "x");
    symlink("css/x.css", sandbox.path().join("web/latest.css")).unwrap();
    sandbox
}

fn assemble(sandbox: &Sandbox, args: &[&str]) -> Run {
    let all = [&["assemble", QUIET][..], args].concat();
    let mut command = sandbox.command(&all);
    let output = command
        .env("XDG_CACHE_HOME", sandbox.path().join("cache"))
        .output();
    Run::of(sandbox.path(), output.unwrap())
}

/// Manifest and configuration of the image `name` of the layout `img`.
fn read(sandbox: &Sandbox, name: &str) -> (Manifest, Config) {
    let layout = Layout::open(sandbox.path().join("img")).unwrap();
    let root = layout.find(&name.parse().unwrap()).unwrap();
    let manifest = layout.manifest(&root).unwrap();
    let config = layout.config(&manifest.config).unwrap();
    (manifest, config)
}

#[test]
fn files_become_an_image_that_other_tools_read() {
    let sandbox = files();
    let args = [
        "tool",
        "--file",
        "run.sh:/bin/tool",
        "--file",
        "web:/srv:0640",
        "--arg",
        "-v",
        "--env",
        "A=b=c",
        "--user",
        "7",
        "--workdir",
        "/srv",
        "--port",
        "80",
        "--label",
        "l=1",
        "--annotation",
        "a=2",
        "--volume",
        "/data",
        "--stop-signal",
        "SIGINT",
        "--output",
        "oci:img",
    ];
    let reference = assemble(&sandbox, &args).reference();
    assert_eq!(reference.name(), "tool");
    let (manifest, config) = read(&sandbox, "tool");
    assert_eq!(
        manifest.layers.len(),
        2,
        "the files of any image, and these"
    );
    assert_eq!(manifest.annotations["a"], "2");
    assert_eq!(config.args(), ["/bin/tool", "-v"]);
    assert_eq!(config.user(), "7:7");
    assert_eq!(config.working_dir(), "/srv");
    assert!(config.env().contains(&"A=b=c".to_owned()));
    let run = config.spec.config().clone().unwrap();
    assert_eq!(run.stop_signal().as_deref(), Some("SIGINT"));
    assert_eq!(run.volumes().clone().unwrap(), ["/data"]);
    assert_eq!(run.labels().clone().unwrap()["l"], "1");
    assert_eq!(run.exposed_ports().clone().unwrap(), ["80/tcp"]);
    let path = sandbox.path();
    tool(
        path,
        "skopeo",
        &["copy", "--quiet", "oci:img:tool", "dir:copy"],
    );
    tool(path, "umoci", &["unpack", "--image", "img:tool", "bundle"]);
    let root = path.join("bundle/rootfs");
    let mode = |name: &str| fs::metadata(root.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode("bin/tool"), 0o755);
    assert_eq!((mode("srv"), mode("srv/css/x.css")), (0o750, 0o640));
    let link = fs::read_link(root.join("srv/latest.css")).unwrap();
    assert_eq!(link.to_str(), Some("css/x.css"));
    // The same files give the same digest in another folder.
    let other = files();
    assert_eq!(assemble(&other, &args).reference(), reference);
}

#[test]
fn an_image_has_the_name_of_its_program() {
    let sandbox = files();
    let named = |args: &[&str]| assemble(&sandbox, &[args, &["--output", "oci:img"]].concat());
    let into = named(&["--file", "run.sh:/usr/local/bin/"]).reference();
    assert_eq!(into.name(), "run.sh");
    sandbox.write(&format!("dist/run-{}", Platform::host().architecture), "x");
    let args = ["run", "--file", "dist/run-{arch}:/bin/:0755"];
    named(&args).reference();
    let refused = named(&["--file", "run.sh:/S.sh"]);
    refused.fails(2, "error: the program's name is not an image name\n");
    let hint = "hint: name the image: imagebuilder assemble NAME\n";
    assert!(refused.stderr.ends_with(hint), "{}", refused.stderr);
    named(&["s", "--file", "run.sh:/S.sh"]).reference();
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let args = [
        "--file",
        "run.sh:/x",
        "--file",
        "/proc/self/mem:/m",
        "--output",
        "oci:img",
    ];
    let run = assemble(&files(), &args);
    run.fails(1, "Caused by: cannot read the asset `/proc/");
}

/// A base, for images of the same folder.
fn with_base() -> Sandbox {
    let sandbox = files();
    let args = [
        "base",
        "--file",
        "run.sh:/x",
        "--platform",
        "linux/amd64,linux/arm64",
    ];
    assemble(&sandbox, &[&args[..], &["--output", "oci:os"]].concat()).reference();
    sandbox
}

#[test]
fn a_cache_that_cannot_be_written_has_a_hint() {
    let sandbox = with_base();
    let args = [
        "assemble",
        "--file",
        "run.sh:/x",
        "--base",
        "oci:os",
        "--output",
        "tar:x.tar",
        QUIET,
    ];
    for more in [&[][..], &["--base", "scratch"]] {
        let mut all = args.to_vec();
        if !more.is_empty() {
            all.splice(3..5, more.iter().copied());
        }
        let mut command = sandbox.command(&all);
        let output = command.env("XDG_CACHE_HOME", "/sys/none").output().unwrap();
        let run = Run::of(sandbox.path(), output);
        run.fails(1, "`/sys/none/imagebuilder/layout");
        let hint = "\nhint: set XDG_CACHE_HOME to a directory that can be written\n";
        assert!(run.stderr.ends_with(hint), "{}", run.stderr);
    }
}

#[test]
fn platforms_keep_their_order() {
    let sandbox = files();
    let platforms = "linux/arm64,linux/amd64,linux/arm64";
    let args = [
        "--file",
        "run.sh:/x",
        "--platform",
        platforms,
        "--output",
        "oci:img",
    ];
    assemble(&sandbox, &args).reference();
    let layout = Layout::open(sandbox.path().join("img")).unwrap();
    let root = layout.find(&"x".parse().unwrap()).unwrap();
    let manifests = layout.index(&root).unwrap().manifests;
    let found = manifests
        .iter()
        .map(|image| image.platform.as_ref().unwrap().to_string());
    assert_eq!(found.collect::<Vec<_>>(), ["linux/arm64", "linux/amd64"]);
}

#[test]
fn a_base_is_pinned_once_everything_is_checked() {
    let sandbox = with_base();
    let args = ["--file", "run.sh:/x", "--base", "oci:os"];
    let lock = sandbox.path().join("imagebuilder.lock");
    let failing = ["--output", "tar:run.sh/x.tar"];
    assemble(&sandbox, &[&args[..], &failing].concat()).fails(1, "cannot write `run.sh/x.tar`");
    assert!(!lock.exists());
    assemble(&sandbox, &[&args[..], &["--output", "tar:x.tar"]].concat()).reference();
    assert!(lock.exists());
}

/// As in a shell, and through the links of the image.
#[test]
fn the_program_is_looked_up_in_the_image() {
    let sandbox = files();
    let file = ["--file", "run.sh:/bin/run"];
    let assembled = |args: &[&str]| {
        assemble(&sandbox, &[&file, args, &["--output", "oci:img"]].concat()).succeeds();
    };
    assembled(&["--entrypoint", "run"]);
    assembled(&["--entrypoint", "run", "--env", "PATH=/srv:/bin"]);
    assembled(&["--entrypoint", "./run", "--workdir", "/bin"]);
    sandbox.write("tree/v1/run", "x");
    let program = sandbox.path().join("tree/v1/run");
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    symlink("v1", sandbox.path().join("tree/latest")).unwrap();
    let tree = ["--file", "tree:/opt", "--entrypoint", "/opt/latest/run"];
    assembled(&tree);
}

#[test]
fn each_file_can_have_its_own_layer_and_each_platform_its_own_files() {
    let sandbox = files();
    for arch in ["amd64", "arm64"] {
        sandbox.write(&format!("dist/{arch}/run"), arch);
    }
    let args = [
        "--file",
        "dist/{arch}/run:/bin/run:0755",
        "--file",
        "web:/srv",
        "--layer-per-file",
        "--platform",
        "linux/amd64,linux/arm64",
        "--output",
        "oci:img",
    ];
    let reference = assemble(&sandbox, &args).reference();
    assert_eq!(reference.name(), "run");
    let layout = Layout::open(sandbox.path().join("img")).unwrap();
    let root = layout.find(&"run".parse().unwrap()).unwrap();
    let manifests = layout.index(&root).unwrap().manifests;
    let manifests: Vec<Manifest> = manifests
        .iter()
        .map(|manifest| layout.manifest(manifest).unwrap())
        .collect();
    let [amd64, arm64] = &manifests[..] else {
        panic!("{manifests:?}")
    };
    let config = layout.config(&amd64.config).unwrap();
    assert_eq!(
        created_by(&config),
        [
            "imagebuilder: base files",
            "imagebuilder: /bin/run",
            "imagebuilder: /srv"
        ]
    );
    assert_eq!(amd64.layers.len(), 3);
    assert_ne!(amd64.layers[1], arm64.layers[1]);
    assert_eq!(amd64.layers[2], arm64.layers[2]);
    // Unchanged files keep their layer.
    sandbox.write("dist/amd64/run", "new");
    assemble(&sandbox, &args).reference();
    let root = layout.find(&"run".parse().unwrap()).unwrap();
    let changed = layout.index(&root).unwrap().manifests;
    let changed = layout.manifest(&changed[0]).unwrap();
    assert_eq!(changed.layers[2], amd64.layers[2]);
    assert_ne!(changed.layers[1], amd64.layers[1]);
}

#[test]
fn zstd_layers_can_be_read_by_other_tools_and_by_imagebuilder() {
    let sandbox = files();
    for compression in ["zstd", "zstd:1", "gzip:9"] {
        let args = [
            "--file",
            "run.sh:/tool",
            "--compression",
            compression,
            "--output",
            "oci:img",
        ];
        assemble(&sandbox, &args).reference();
        let verified = sandbox.run(&["verify", "oci:img"]);
        assert_eq!(verified.code, Some(0), "{}", verified.stderr);
        let path = sandbox.path();
        tool(
            path,
            "skopeo",
            &["copy", "--quiet", "oci:img:tool", "oci:copy:tool"],
        );
        let _ = fs::remove_dir_all(path.join("bundle"));
        if compression.starts_with("gzip") {
            tool(path, "umoci", &["unpack", "--image", "copy:tool", "bundle"]);
            assert!(path.join("bundle/rootfs/tool").is_file());
        }
    }
    let refused = assemble(
        &sandbox,
        &[
            "--file",
            "run.sh:/x",
            "--compression",
            "xz",
            "--output",
            "oci:img",
        ],
    );
    assert_eq!(refused.code, Some(2));
    assert!(
        refused
            .stderr
            .contains("expected gzip[:LEVEL], 1 to 9, or zstd"),
        "{}",
        refused.stderr
    );
}

#[test]
fn binaries_are_checked_like_compiled_ones() {
    let sandbox = files();
    let path = sandbox.path();
    sandbox.write("x.c", "int main(void) { return 0; }\n");
    tool(path, "cc", &["-o", "dynamic", "x.c"]);
    tool(path, "cc", &["-o", "static", "-static", "x.c"]);
    let check = |args: &[&str], code: i32, expected: &str| {
        let run = assemble(&sandbox, &[args, &["--output", "oci:img"]].concat());
        assert_eq!(run.code, Some(code), "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{args:?}: {}", run.stderr);
    };
    check(&["--file", "static:/bin/x"], 0, "");
    fs::remove_dir_all(path.join("img")).unwrap();
    check(
        &["--file", "dynamic:/bin/x"],
        1,
        "is linked dynamically: it needs /lib",
    );
    check(
        &["--file", "dynamic:/bin/x"],
        1,
        "hint: add a base that has glibc",
    );
    let other = if cfg!(target_arch = "x86_64") {
        "linux/arm64"
    } else {
        "linux/amd64"
    };
    check(
        &["--file", "static:/bin/x", "--platform", other],
        1,
        "is not for linux/",
    );
    // The image may contain its libraries.
    let listed = tool(path, "ldd", &["dynamic"]);
    let libraries = listed
        .split_whitespace()
        .filter(|word| word.starts_with('/'));
    let libraries: Vec<String> = libraries
        .map(|path| format!("{path}:{path}:0755"))
        .collect();
    let mut args = vec!["--file", "dynamic:/bin/x"];
    for library in &libraries {
        args.extend(["--file", library.as_str()]);
    }
    check(&args, 0, "");
    let _ = fs::remove_dir_all(path.join("bundle"));
    tool(path, "umoci", &["unpack", "--image", "img:x", "bundle"]);
    let root = path.join("bundle/rootfs").display().to_string();
    tool(path, "chroot", &[&root, "/bin/x"]);
}

#[test]
fn images_that_cannot_be_assembled_are_refused_and_leave_nothing() {
    let sandbox = files();
    let check = |args: &[&str], expected: &str| {
        let run = assemble(&sandbox, &[args, &["--output", "oci:img"]].concat());
        assert_eq!(
            (run.code, run.stdout.as_str()),
            (Some(2), ""),
            "{args:?}: {}",
            run.stderr
        );
        assert!(run.stderr.contains(expected), "{args:?}: {}", run.stderr);
        assert!(!sandbox.path().join("img").exists());
    };
    check(&[], "--file <SRC:DEST[:MODE]>");
    check(&["--file", "none:/x"], "the asset `none` does not exist");
    check(
        &["--file", "run.sh:x"],
        "expected SRC:DEST[:MODE] with an absolute DEST",
    );
    check(
        &["--file", "run.sh:/x", "--file", "web/index.html:/x"],
        "have the same path, /x",
    );
    check(&["--file", "web:/srv"], "the image has no program");
    check(
        &["--file", "web:/srv", "--entrypoint", "/tool"],
        "`/tool` is not in the image",
    );
    check(
        &["--file", "run.sh:/opt/run", "--entrypoint", "run"],
        "`run` is not in the image",
    );
    check(
        &["--file", "run.sh:/x:0644", "--entrypoint", "/x"],
        "`/x` is not executable",
    );
    check(
        &[
            "--file",
            "run.sh:/srv/f",
            "--file",
            "web/index.html:/srv//f",
        ],
        "have the same path, /srv/f",
    );
    check(
        &["--file", "run.sh:/x", "--stop-signal", "SIGFOO"],
        "`SIGFOO` is not a signal",
    );
    check(&["--file", "run.sh:/x", "--env", "A"], "expected KEY=VALUE");
    let nowhere = assemble(&sandbox, &["--file", "run.sh:/x"]);
    nowhere.fails(2, "hint: add --output or --repo");
}

/// A full and a read-only file system, each in a mount namespace of its own.
#[test]
fn an_output_that_cannot_be_written_is_reported_and_contains_no_image() {
    let sandbox = files();
    // Noise cannot be compressed.
    let script = "head -c 8000000 /dev/urandom >noise; mkdir out";
    tool(sandbox.path(), "sh", &["-ec", script]);
    let program = env!("CARGO_BIN_EXE_imagebuilder");
    let run = |options: &str, before: &str| {
        let assemble = format!(
            "{program} assemble {QUIET} x --file run.sh:/x --file noise:/noise --output oci:out/img"
        );
        let script = format!(
            "mount -t tmpfs -o {options} none out; {before}
             code=0; {assemble} || code=$?
             if [ -e out/img ]; then find out/img -type f; {program} verify oci:out/img || true; fi
             exit $code"
        );
        let mut command = std::process::Command::new("unshare");
        let output = clear_environment(&mut command)
            .args(["--mount", "--propagation=private", "sh", "-ec", &script])
            .current_dir(sandbox.path())
            .env("XDG_CACHE_HOME", sandbox.path().join("cache"))
            .output()
            .unwrap();
        Run::of(sandbox.path(), output)
    };
    let full = run("size=2m", "");
    full.fails(1, "No space left on device");
    assert!(
        full.stderr.contains("hint: free some space there"),
        "{}",
        full.stderr
    );
    assert!(
        full.stderr.contains("`out/img` has no image"),
        "{}",
        full.stderr
    );
    assert!(!full.stdout.contains(".ingest/"), "{}", full.stdout);
    let read_only = run("size=20m", "mount -o remount,ro out;");
    read_only.fails(1, "Read-only file system");
    assert!(
        read_only
            .stderr
            .contains("hint: choose another destination"),
        "{}",
        read_only.stderr
    );
    // With room, the same succeeds.
    let enough = run("size=40m", "");
    assert_eq!(enough.code, Some(0), "{}", enough.stderr);
}

/// A run that is killed at any moment leaves the existing images intact, and the next run succeeds.
#[test]
fn a_killed_run_leaves_a_layout_that_verifies() {
    let sandbox = files();
    let args = [
        "assemble",
        QUIET,
        "x",
        "--file",
        "run.sh:/x",
        "--file",
        "noise:/noise",
        "--layer-per-file",
        "--output",
        "oci:img",
    ];
    let command = || {
        let mut command = sandbox.command(&args);
        command.env("XDG_CACHE_HOME", sandbox.path().join("cache"));
        command
    };
    sandbox.kill_runs(|number| {
        sandbox.noise("noise", number, 2_000_000);
        command()
    });
    Run::of(sandbox.path(), command().output().unwrap()).reference();
    sandbox.assert_nothing_half_written();
}
