//! Signatures and provenance: the attachments, and which ones `verify` accepts.
//!
//! Needs `openssl` and `git`.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test builds the environment of a program"
)]

#[path = "../sandbox/mod.rs"]
mod sandbox;

mod provenance;
mod signatures;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci::copy::Destination as _;
use oci::image::{EMPTY_JSON, Manifest};
use oci::layout::Layout;
use oci::{Descriptor, Reference};
use serde_json::Value;

use crate::sandbox::{QUIET, Run, Sandbox, tool};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A sandbox with the keys `one` and `other`, each in PKCS#8 and its public half.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let script = "for name in one other; do
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $name.key
        openssl pkey -in $name.key -pubout -out $name.pub
    done";
    tool(sandbox.path(), "bash", &["-ec", script]);
    sandbox
}

fn build(sandbox: &Sandbox, output: &str, more: &[&str]) -> Reference {
    let args = ["build", "hello", QUIET, "--output", output];
    sandbox.run(&[&args[..], more].concat()).reference()
}

fn verify(sandbox: &Sandbox, source: &str, key: &str) -> Run {
    sandbox.run(&["verify", source, "--key", key, "--docker-config", "none"])
}

fn refused(run: &Run, why: &str) {
    run.fails(5, why);
    assert_eq!(run.stdout, "");
}

fn layout(sandbox: &Sandbox, name: &str) -> Layout {
    Layout::open(sandbox.path().join(name)).unwrap()
}

/// The referrers of one kind in a layout.
fn referrers(layout: &Layout, kind: &str) -> Vec<Descriptor> {
    let mut entries = layout.entries().unwrap();
    entries.retain(|entry| {
        entry
            .artifact_type
            .as_ref()
            .is_some_and(|found| found.as_str() == kind)
    });
    entries
}

/// Reads a bundle, and replaces it by a changed one.
fn replace(layout: &Layout, edit: &dyn Fn(&mut Descriptor, &mut Value)) {
    for referrer in referrers(layout, BUNDLE) {
        let manifest = layout.manifest(&referrer).unwrap();
        let bytes = std::fs::read(layout.blob_path(&manifest.layers[0].digest)).unwrap();
        let mut bundle = serde_json::from_slice(&bytes).unwrap();
        let mut subject = manifest.subject.unwrap();
        edit(&mut subject, &mut bundle);
        let path = layout.path().join("index.json");
        let mut index: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let entries = index["manifests"].as_array_mut().unwrap();
        entries.retain(|entry| entry["digest"] != referrer.digest.to_string());
        std::fs::write(&path, index.to_string()).unwrap();
        attach(layout, &subject, &bundle);
    }
}

fn attach(layout: &Layout, subject: &Descriptor, bundle: &Value) {
    let bytes = bundle.to_string();
    layout.write_bytes(bytes.as_bytes()).unwrap();
    layout.write_bytes(EMPTY_JSON).unwrap();
    let blob = Descriptor::of(BUNDLE, bytes.as_bytes());
    let (bytes, mut descriptor) = Manifest::artifact(BUNDLE, subject, vec![blob]).to_bytes();
    descriptor.artifact_type = Some(BUNDLE.into());
    layout.attach(&descriptor, &bytes).unwrap();
}

fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
