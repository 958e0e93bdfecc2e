//! Images and other tools: skopeo reads an image, umoci unpacks it, and it runs.
//!
//! Needs `skopeo`, `umoci` and, as root, `chroot`; it fails where they are missing.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod sandbox;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use crate::sandbox::{QUIET, Run, Sandbox, tool};

#[test]
fn skopeo_and_umoci_agree_with_us_and_the_image_runs() {
    let sandbox = Sandbox::new();
    let args = [
        "build", "hello", "--tag", "v1", "--output", "oci:img", QUIET,
    ];
    let reference = sandbox.run(&args).reference();
    let path = sandbox.path();

    let inspected = tool(path, "skopeo", &["inspect", "oci:img:team/hello:v1"]);
    let inspected: serde_json::Value = serde_json::from_str(&inspected).unwrap();
    assert_eq!(inspected["Digest"], reference.digest().unwrap().to_string());
    assert_eq!(inspected["Created"], "1970-01-01T00:00:00Z");
    // A copy by another tool has the same digest, so nothing had to be corrected.
    tool(
        path,
        "skopeo",
        &["copy", "--quiet", "oci:img:team/hello:v1", "dir:copy"],
    );
    let manifest = fs::read(path.join("copy/manifest.json")).unwrap();
    assert_eq!(Some(oci::Digest::of(&manifest)), reference.digest());

    tool(
        path,
        "umoci",
        &["unpack", "--image", "img:team/hello:v1", "bundle"],
    );
    let root = path.join("bundle/rootfs");
    let mut found: Vec<String> = Vec::new();
    list(&root, &root, &mut found);
    assert_eq!(
        found,
        [
            "755 0 etc",
            "644 0 etc/group",
            "644 0 etc/passwd",
            "755 0 etc/ssl",
            "755 0 etc/ssl/certs",
            "644 0 etc/ssl/certs/ca-certificates.crt",
            "755 0 home",
            "700 65532 home/nonroot",
            "1777 0 tmp",
            "755 0 usr",
            "755 0 usr/local",
            "755 0 usr/local/bin",
            "755 0 usr/local/bin/hello",
        ]
    );
    // umoci creates its runtime spec from our configuration.
    let spec = fs::read(path.join("bundle/config.json")).unwrap();
    let spec: serde_json::Value = serde_json::from_slice(&spec).unwrap();
    assert_eq!(
        spec["process"]["args"],
        serde_json::json!(["/usr/local/bin/hello", "--x"])
    );
    assert_eq!(spec["process"]["user"]["uid"], 65532);

    let root = root.display().to_string();
    let user = "--userspec=65532:65532";
    let said = tool(
        path,
        "chroot",
        &[user, &root, "/usr/local/bin/hello", "--x"],
    );
    assert_eq!(said, "2\n");
}

/// OpenSSL can read each of the certificates in the image.
#[test]
fn the_certificates_are_readable() {
    let sandbox = Sandbox::new();
    sandbox
        .run(&["build", "hello", "--output", "oci:img", QUIET])
        .reference();
    tool(
        sandbox.path(),
        "umoci",
        &["unpack", "--image", "img:team/hello", "bundle"],
    );
    let file = "bundle/rootfs/etc/ssl/certs/ca-certificates.crt";
    let script =
        format!("openssl crl2pkcs7 -nocrl -certfile {file} | openssl pkcs7 -print_certs -noout");
    let listed = tool(sandbox.path(), "sh", &["-ec", &script]);
    let subjects = listed
        .lines()
        .filter(|line| line.starts_with("subject"))
        .count();
    assert_eq!(subjects, webpki_root_certs::TLS_SERVER_ROOT_CERTS.len());
}

fn list(root: &Path, directory: &Path, found: &mut Vec<String>) {
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut entries: Vec<_> = entries.collect();
    entries.sort();
    for path in entries {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let mode = metadata.permissions().mode() & 0o7777;
        let name = path.strip_prefix(root).unwrap().display();
        found.push(format!("{mode:o} {} {name}", metadata.uid()));
        if metadata.is_dir() {
            list(root, &path, found);
        }
    }
}

/// A build script and `option_env!` see only the time and revision of the command line.
#[test]
fn time_and_revision_reach_the_compiler_only_from_the_command_line() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "hello/build.rs",
        "fn main() { println!(\"cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH\"); \
         println!(\"cargo::rustc-env=EPOCH={}\", std::env::var(\"SOURCE_DATE_EPOCH\").unwrap()); }\n",
    );
    sandbox.write(
        "hello/src/main.rs",
        "fn main() { println!(\"{} {:?}\", env!(\"EPOCH\"), option_env!(\"SOURCE_REVISION\")); }\n",
    );
    let run = |args: &[&str]| {
        let mut all = vec!["build", "hello", "--output", "oci:img", QUIET];
        all.extend(args);
        let mut command = sandbox.command(&all);
        let output = command
            .env("SOURCE_REVISION", "of-the-environment")
            .output();
        let digest = Run::of(sandbox.path(), output.unwrap())
            .reference()
            .digest();
        let target = sandbox.path().join("target");
        let binary = std::fs::read_dir(&target).unwrap().find_map(|entry| {
            let path = entry.unwrap().path().join("release/hello");
            path.is_file().then_some(path)
        });
        let output = std::process::Command::new(binary.unwrap())
            .output()
            .unwrap();
        (digest, String::from_utf8(output.stdout).unwrap())
    };
    let plain = run(&[]);
    assert_eq!(plain.1, "0 None\n");
    let revised = run(&["--revision", "abc", "--source-date-epoch", "7"]);
    assert_eq!(revised.1, "7 Some(\"abc\")\n");
    assert_ne!(plain.0, revised.0);
    let manifest = std::fs::read_dir(sandbox.path().join("img/blobs/sha256")).unwrap();
    let annotated = manifest
        .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok())
        .any(|text| text.contains("\"org.opencontainers.image.revision\":\"abc\""));
    assert!(annotated);
    assert_eq!(run(&[]), plain);
}
