//! Bills of materials: which crates they list, and whether the formats' own tools accept them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod sandbox;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use crate::sandbox::{QUIET, Sandbox};

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

#[test]
fn a_bill_lists_what_is_linked_and_nothing_that_only_builds() {
    let document = json(&bill(&WORKSPACE, "spdx", "spdx.json"));
    let packages = document["packages"].as_array().unwrap();
    let names: BTreeSet<&str> = packages
        .iter()
        .filter(|package| package["SPDXID"] != "SPDXRef-Binary")
        .map(|package| package["name"].as_str().unwrap())
        .collect();
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

#[test]
fn two_folders_give_the_same_bill() {
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
