//! Bills of materials: which crates they list, and whether the formats' own tools accept them.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod sandbox;

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use flate2::bufread::ZlibDecoder;
use oci::layout::Layout;
use oci::{Descriptor, MediaType};
use serde_json::Value;

use crate::sandbox::{QUIET, Sandbox, tool};

/// A binary with a crate of its workspace, one of crates.io, a macro, a build script with a crate of
/// its own, and a crate that only tests use.
static WORKSPACE: LazyLock<Sandbox> = LazyLock::new(|| {
    let sandbox = Sandbox::with_dependencies(
        "serde = { version = \"1\", features = [\"derive\"] }\n\
         serde_json = \"1\"\n\
         [build-dependencies]\nbase64 = \"0.22\"\n\
         [dev-dependencies]\nstrsim = \"0.11\"\n",
    );
    sandbox.write("hello/build.rs", "use base64 as _;\nfn main() {}\n");
    sandbox.write(
        "hello/src/main.rs",
        "#[derive(serde::Deserialize)] struct All(Vec<u8>);
         fn main() {
             let all: All = serde_json::from_str(&std::env::args().nth(1).unwrap()).unwrap();
             lib::check(all.0.len());
         }",
    );
    sandbox
});

/// Builds with a bill of materials in a format, and returns the file.
fn bill(sandbox: &Sandbox, format: &str, extension: &str) -> PathBuf {
    let args = ["build", "hello", "--platform", "linux/amd64", QUIET];
    let run = sandbox.run(&[&args[..], &["--sbom-dir", "sbom", "--sbom-format", format]].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let path = sandbox
        .path()
        .join("sbom")
        .join(format!("hello-linux-amd64.{extension}"));
    assert!(path.is_file(), "{}", run.stderr);
    path
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Runs a program of the validators' Python.
#[track_caller]
fn python(args: &[&str], file: &Path) {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/sbom/bin/python3");
    assert!(
        own.is_file(),
        "the validators are missing: dev/install test"
    );
    let output = Command::new(own).args(args).arg(file).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

/// Asserts that `names` contains the crates that are linked into the program, and no build dependencies.
#[track_caller]
fn assert_linked(names: &BTreeSet<&str>) {
    for linked in [
        "hello",
        "lib",
        "serde",
        "serde_core",
        "serde_json",
        "itoa",
        "memchr",
    ] {
        assert!(names.contains(linked), "{linked}: {names:?}");
    }
    for not in ["serde_derive", "syn", "quote", "base64", "strsim", "two"] {
        assert!(!names.contains(not), "{not}: {names:?}");
    }
}

#[test]
fn a_bill_of_materials_lists_linked_crates_and_no_build_dependencies() {
    let document = json(&bill(&WORKSPACE, "spdx", "spdx.json"));
    let packages = document["packages"].as_array().unwrap();
    let names: BTreeSet<&str> = packages
        .iter()
        .filter(|package| package["SPDXID"] != "SPDXRef-Binary")
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    assert_linked(&names);
    let itoa = packages
        .iter()
        .find(|package| package["name"] == "itoa")
        .unwrap();
    let version = itoa["versionInfo"].as_str().unwrap();
    assert_eq!(
        itoa["externalRefs"][0]["referenceLocator"],
        format!("pkg:cargo/itoa@{version}")
    );
    assert_eq!(itoa["licenseDeclared"], "MIT OR Apache-2.0");
    let checksum = itoa["checksums"][0]["checksumValue"].as_str().unwrap();
    let lock = WORKSPACE.read("Cargo.lock");
    assert!(lock.contains(&format!("checksum = \"{checksum}\"")));
}

/// The binary of a layout's image for a platform, as a file.
fn binary(sandbox: &Sandbox, image: &str) -> Vec<u8> {
    let unpacked = format!("unpacked-{}", image.replace([':', '/'], "-"));
    let args = ["unpack", "--rootless", "--image", image, &unpacked];
    tool(sandbox.path(), "umoci", &args);
    let path = format!("{unpacked}/rootfs/usr/local/bin/hello");
    std::fs::read(sandbox.path().join(path)).unwrap()
}

/// Reads a program as `cargo audit bin` does, with the libraries that it uses.
fn audited(binary: &[u8]) -> auditable_serde::VersionInfo {
    let compressed = auditable_extract::raw_auditable_data(binary).unwrap();
    let mut json = String::new();
    ZlibDecoder::new(compressed)
        .read_to_string(&mut json)
        .unwrap();
    json.parse().unwrap()
}

#[test]
fn scanners_find_the_crates_in_the_program_itself() {
    for platform in ["linux/amd64", "linux/arm64"] {
        let output = format!("oci:img:hello:{}", platform.replace('/', "-"));
        let args = [
            "build",
            "hello",
            QUIET,
            "--platform",
            platform,
            "--output",
            &output,
        ];
        WORKSPACE.run(&args).reference();
        let found = audited(&binary(&WORKSPACE, &output["oci:".len()..]));
        let names: BTreeSet<&str> = found
            .packages
            .iter()
            .map(|package| package.name.as_str())
            .collect();
        assert_linked(&names);
        let root = found.packages.iter().find(|package| package.root).unwrap();
        assert_eq!(
            (root.name.as_str(), root.version.to_string()),
            ("hello", "1.2.3".to_owned())
        );
        let used: BTreeSet<&str> = root
            .dependencies
            .iter()
            .map(|used| found.packages[*used].name.as_str())
            .collect();
        assert_eq!(used, BTreeSet::from(["lib", "serde", "serde_json"]));
    }
    let args = [
        "build",
        "hello",
        QUIET,
        "--no-auditable",
        "--output",
        "oci:img:hello:without",
    ];
    WORKSPACE.run(&args).reference();
    let without = binary(&WORKSPACE, "img:hello:without");
    let none = auditable_extract::raw_auditable_data(&without);
    assert!(matches!(none, Err(auditable_extract::Error::NoAuditData)));
}

/// Two packages of a workspace that use each other, one of them only in its tests, are not a cycle for a
/// scanner.
#[test]
fn a_cycle_through_tests_is_not_in_the_list() {
    let sandbox = Sandbox::new();
    let manifest = sandbox.read("lib/Cargo.toml");
    let tests = "[dev-dependencies]\nhello = { path = \"../hello\" }\n";
    sandbox.write("lib/Cargo.toml", &format!("{manifest}{tests}"));
    sandbox.write("hello/src/lib.rs", "");
    sandbox
        .run(&["build", "hello", QUIET, "--output", "oci:img:hello:x"])
        .reference();
    let found = audited(&binary(&sandbox, "img:hello:x"));
    assert_eq!(found.packages.len(), 2);
}

fn subject(sandbox: &Sandbox, layout: &str, referrer: &Descriptor) -> Descriptor {
    let layout = Layout::open(sandbox.path().join(layout)).unwrap();
    layout.manifest(referrer).unwrap().subject.unwrap()
}

fn listed(sandbox: &Sandbox, layout: &str) -> Vec<Descriptor> {
    let layout = Layout::open(sandbox.path().join(layout)).unwrap();
    layout.entries().unwrap()
}

#[test]
fn a_bill_of_materials_is_attached_to_each_platforms_manifest_and_copied_with_it() {
    let args = [
        "build",
        "hello",
        QUIET,
        "--sbom",
        "--platform",
        "linux/amd64,linux/arm64",
        "--output",
        "oci:attached:team/hello:v1",
    ];
    let built = WORKSPACE.run(&args).reference();
    let entries = listed(&WORKSPACE, "attached");
    let (bills, images): (Vec<_>, Vec<_>) = entries
        .into_iter()
        .partition(|entry| entry.artifact_type.is_some());
    assert_eq!(images.len(), 1);
    assert_eq!(Some(images[0].digest), built.digest());
    let layout = Layout::open(WORKSPACE.path().join("attached")).unwrap();
    let manifests = layout.index(&images[0]).unwrap().manifests;
    let subjects = bills
        .iter()
        .map(|bill| subject(&WORKSPACE, "attached", bill).digest);
    let subjects: BTreeSet<_> = subjects.collect();
    assert_eq!(
        subjects,
        manifests.iter().map(|manifest| manifest.digest).collect()
    );
    assert_eq!(bills[0].artifact_type, Some("application/spdx+json".into()));
    // Repeating the build adds nothing.
    WORKSPACE.run(&args).reference();
    assert_eq!(listed(&WORKSPACE, "attached").len(), 3);

    let shown = WORKSPACE.run(&[
        "inspect",
        "oci:attached:team/hello:v1",
        "--sbom",
        "--format",
        "json",
    ]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    for manifest in shown["images"][0]["manifests"].as_array().unwrap() {
        let document = &manifest["sbom"]["documents"][0]["content"];
        let program = &manifest["sbom"]["programs"][0];
        assert_eq!(program["path"], "usr/local/bin/hello");
        let count = program["crates"].as_array().unwrap().len();
        // The document contains the program too.
        assert_eq!(document["packages"].as_array().unwrap().len(), count + 1);
    }
    let table = WORKSPACE
        .run(&["inspect", "oci:attached:team/hello:v1", "--sbom"])
        .stdout;
    assert!(
        table.contains("\n  crates      /usr/local/bin/hello\n    hello 1.2.3  local\n"),
        "{table}"
    );
    assert!(
        table.contains(" application/spdx+json\n    hello 1.2.3\n"),
        "{table}"
    );

    let copied = WORKSPACE.run(&[
        "copy",
        "oci:attached:team/hello:v1",
        "oci:copied",
        "--referrers",
        QUIET,
    ]);
    assert_eq!(copied.code, Some(0), "{}", copied.stderr);
    assert_eq!(listed(&WORKSPACE, "copied").len(), 3);
}

#[test]
fn with_a_bill_of_materials_an_image_for_one_platform_is_still_a_plain_manifest() {
    let args = |more: &[&'static str]| [&["build", "hello", QUIET], more].concat();
    let plain = WORKSPACE.run(&args(&["--output", "oci:plain"])).reference();
    let with = args(&[
        "--output",
        "oci:with",
        "--sbom",
        "--sbom-format",
        "cyclonedx",
    ]);
    let with = WORKSPACE.run(&with).reference();
    assert_eq!(plain.digest(), with.digest());
    let entries = listed(&WORKSPACE, "with");
    assert_eq!(entries.len(), 2);
    assert_eq!(
        entries[0].artifact_type,
        Some("application/vnd.cyclonedx+json".into())
    );
    assert_eq!(entries[1].media_type.as_str(), MediaType::OCI_MANIFEST);
    // The document is the same, however it is obtained.
    let document = WORKSPACE
        .run(&["inspect", "oci:with", "--sbom", "--format", "json"])
        .stdout;
    let document: Value = serde_json::from_str(&document).unwrap();
    let document = &document["images"][0]["manifests"][0]["sbom"]["documents"][0]["content"];
    assert_eq!(document["specVersion"], "1.6");
}

#[test]
fn two_folders_give_the_same_bill_of_materials() {
    let bills = [Sandbox::new(), Sandbox::new()]
        .map(|sandbox| std::fs::read(bill(&sandbox, "spdx", "spdx.json")).unwrap());
    assert!(bills[0] == bills[1]);
}

#[test]
fn the_formats_own_tools_accept_the_documents() {
    let spdx = "import sys
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
found = validate_full_spdx_document(parse_file(sys.argv[1]), 'SPDX-2.3')
sys.exit('\\n'.join(m.validation_message for m in found) or 0)";
    python(&["-c", spdx], &bill(&WORKSPACE, "spdx", "spdx.json"));
    let cyclonedx = "import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
sys.exit(str(found) if found else 0)";
    python(
        &["-c", cyclonedx],
        &bill(&WORKSPACE, "cyclonedx", "cdx.json"),
    );
}
