//! Signatures and attestations between imagebuilder and cosign, in both directions.
//!
//! Needs `git`, and on `PATH` the `cosign` of one of its major versions: `make test-cosign` builds both.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test builds the environment of a program"
)]

mod sandbox;

use std::process::{Command, Stdio};

use oci::copy::Destination as _;
use oci::image::{EMPTY_JSON, Index, Manifest};
use oci::layout::Layout;
use oci::{Descriptor, Digest, Reference};
use test_registry::{Behaviour, TestRegistry};

use crate::sandbox::{QUIET, Run, Sandbox, tool};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// How cosign stores a signature.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// A Sigstore bundle that refers to the image: cosign 3's default.
    Bundle,
    /// The tag `sha256-….sig`: cosign 2's default.
    Tag,
}

/// A workspace in a commit of a git repository, and the key pairs `one` and `other` that cosign generated.
struct Fixture {
    sandbox: Sandbox,
    registry: TestRegistry,
}

impl Fixture {
    fn new(referrers: bool) -> Self {
        let sandbox = Sandbox::new();
        sandbox.write(
            "root.json",
            "{\"mediaType\": \"application/vnd.dev.sigstore.trustedroot+json;version=0.1\"}",
        );
        sandbox.write(".gitignore", "/target\n*.key\n*.pub\n");
        let script = "git init -q .
            git remote add origin https://example.com/team/hello.git
            git add .
            git -c user.name=x -c user.email=x@example.com commit -qm 'A commit'";
        tool(sandbox.path(), "bash", &["-ec", script]);
        let registry = TestRegistry::start(Behaviour {
            referrers,
            // go-containerregistry does not accept them of a manifest.
            media_type_parameters: false,
            ..Behaviour::default()
        });
        let fixture = Self { sandbox, registry };
        for name in ["one", "other"] {
            let prefix = format!("--output-key-prefix={name}");
            fixture.cosign(&["generate-key-pair", &prefix]).succeeds();
        }
        fixture
    }

    fn cosign(&self, args: &[&str]) -> Run {
        let output = Command::new("cosign")
            .args(args)
            .current_dir(self.sandbox.path())
            .env("COSIGN_PASSWORD", "password")
            .env("DOCKER_CONFIG", self.sandbox.path())
            .env("HOME", self.sandbox.path())
            .stdin(Stdio::null())
            .output();
        let output = output.unwrap_or_else(|error| panic!("`cosign` is needed here: {error}"));
        Run::of(self.sandbox.path(), output)
    }

    /// Runs a command of cosign about an image without a transparency log.
    fn check(&self, command: &str, key: &str, form: Form, image: &str, more: &[&str]) -> Run {
        // cosign 2 downloads Sigstore's own root if none is given, although a key needs none.
        let form = match form {
            Form::Bundle => "--new-bundle-format=true",
            Form::Tag => "--new-bundle-format=false",
        };
        let args = [command, "--key", key, "--insecure-ignore-tlog", form];
        let root = ["--trusted-root", "root.json"];
        self.cosign(&[&args[..], &root, more, &[image]].concat())
    }

    fn imagebuilder(&self, args: &[&str]) -> Run {
        let mut command = self.sandbox.command(args);
        command.env("COSIGN_PASSWORD", "password");
        command.args(["--docker-config", "none"]);
        Run::of(self.sandbox.path(), command.output().unwrap())
    }

    /// Builds `hello` into the registry under a tag, and returns its name by digest.
    fn build(&self, tag: &str, more: &[&str]) -> Reference {
        let host = self.registry.host();
        let args = ["build", "hello", QUIET, "--repo", &host, "--tag", tag];
        self.imagebuilder(&[&args, more].concat()).reference()
    }

    fn name(&self, reference: &str) -> String {
        format!("{}/team/hello{reference}", self.registry.host())
    }

    /// Copies images of `team/hello` without their referrers, and returns the repository.
    fn copy(&self, tags: &[String]) -> String {
        let copy = format!("{}/team/copy", self.registry.host());
        for tag in tags {
            let (from, to) = (self.name(&format!(":{tag}")), format!("{copy}:{tag}"));
            self.imagebuilder(&["copy", &from, &to]).succeeds();
        }
        copy
    }
}

/// Every flag that signs or attests.
const SIGNED: [&str; 6] = [
    "--sign-key",
    "one.key",
    "--sign-tag",
    "--provenance",
    "--sbom",
    "--platform=linux/amd64,linux/arm64",
];

/// The tag of the signatures of an image.
fn tag_of(digest: &Digest) -> String {
    format!("sha256-{}.sig", digest.hex())
}

#[track_caller]
fn refused(run: &Run, expected: &[&str]) {
    assert_ne!(run.code, Some(0), "{}", run.stdout);
    let matches = expected.iter().any(|text| run.stderr.contains(text));
    assert!(matches, "{}", run.stderr);
}

/// What cosign reports of a signature of another key, by bundle and by tag.
const OTHER_KEY: [&str; 2] = [
    "accepted signatures do not match threshold",
    "invalid signature when validating ASN.1 encoded signature",
];

#[test]
fn cosign_accepts_signatures_of_its_own_keys_and_refuses_other_keys() {
    for referrers in [true, false] {
        let fixture = Fixture::new(referrers);
        let image = fixture.build("v1", &SIGNED);
        let digest = image.digest().unwrap();
        let index = fixture.registry.manifest("team/hello", digest).unwrap();
        let platforms = Index::parse(&index).unwrap().manifests;
        assert_eq!(platforms.len(), 2);
        let images = [digest, platforms[0].digest, platforms[1].digest];
        // cosign prefers a bundle if there is one.
        let mut tags: Vec<_> = images.iter().map(tag_of).collect();
        tags.push("v1".to_owned());
        let copy = fixture.copy(&tags);
        for (form, repository) in [(Form::Bundle, fixture.name("")), (Form::Tag, copy)] {
            for digest in images {
                let name = format!("{repository}@{digest}");
                let accepted = fixture.check("verify", "one.pub", form, &name, &[]);
                accepted.succeeds();
                let claim = format!("\"docker-manifest-digest\":\"{digest}\"");
                assert!(accepted.stdout.contains(&claim), "{}", accepted.stdout);
            }
            let name = format!("{repository}:v1");
            fixture
                .check("verify", "one.pub", form, &name, &[])
                .succeeds();
            let other = fixture.check("verify", "other.pub", form, &name, &[]);
            refused(&other, &OTHER_KEY);
        }
    }
}

#[test]
fn cosign_accepts_the_provenance_and_the_bills_of_materials() {
    use base64::Engine as _;
    let fixture = Fixture::new(true);
    let image = fixture.build("v1", &SIGNED);
    let name = fixture.name(":v1");
    let attestation = |key: &str, kind: &str| {
        let kind = ["--type", kind];
        fixture.check("verify-attestation", key, Form::Bundle, &name, &kind)
    };
    let accepted = attestation("one.pub", "slsaprovenance1");
    accepted.succeeds();
    let envelope: serde_json::Value =
        serde_json::from_str(accepted.stdout.lines().next().unwrap()).unwrap();
    let payload = envelope["payload"].as_str().unwrap();
    let payload = base64::engine::general_purpose::STANDARD.decode(payload);
    let statement: serde_json::Value = serde_json::from_slice(&payload.unwrap()).unwrap();
    assert_eq!(
        statement["subject"][0]["digest"]["sha256"],
        image.digest().unwrap().hex()
    );
    let definition = &statement["predicate"]["buildDefinition"];
    let source = &definition["externalParameters"]["source"]["uri"];
    assert_eq!(source, "git+https://example.com/team/hello.git");
    let other = attestation("other.pub", "slsaprovenance1");
    refused(&other, &OTHER_KEY);
    refused(
        &attestation("one.pub", "vuln"),
        &["none of the attestations"],
    );

    let byproducts = statement["predicate"]["runDetails"]["byproducts"].as_array();
    let bills: Vec<_> = byproducts.unwrap().iter().collect();
    assert_eq!(bills.len(), 2);
    for bill in bills {
        let digest = bill["digest"]["sha256"].as_str().unwrap();
        let name = fixture.name(&format!("@sha256:{digest}"));
        fixture
            .check("verify", "one.pub", Form::Bundle, &name, &[])
            .succeeds();
    }
}

/// Attaches the bundle of the one image in a layout to that of another.
fn move_bundle(from: &Layout, to: &Layout) {
    let of_kind = |entry: &Descriptor| {
        entry
            .artifact_type
            .as_ref()
            .map(|kind| kind.as_str() == BUNDLE)
    };
    let entries = from.entries().unwrap();
    let referrer = entries.iter().find(|entry| of_kind(entry) == Some(true));
    let blob = from.manifest(referrer.unwrap()).unwrap().layers[0].clone();
    let bytes = std::fs::read(from.blob_path(&blob.digest)).unwrap();
    let image = to.entries().unwrap().remove(0);
    let subject = Descriptor::new(image.media_type, image.digest, image.size);
    let (manifest, mut descriptor) = Manifest::artifact(BUNDLE, &subject, vec![blob]).to_bytes();
    descriptor.artifact_type = Some(BUNDLE.into());
    for content in [EMPTY_JSON, &bytes] {
        to.write_bytes(content).unwrap();
    }
    to.attach(&descriptor, &manifest).unwrap();
}

#[test]
fn cosign_refuses_an_image_that_is_not_the_signed_one() {
    let fixture = Fixture::new(true);
    let signed = fixture.build(
        "v1",
        &[
            "--sign-key",
            "one.key",
            "--sign-tag",
            "--output",
            "oci:signed",
        ],
    );
    let changed = ["--source-date-epoch", "1", "--output", "oci:changed"];
    let changed = fixture.build("v1", &changed);
    let name = fixture.name(":v1");
    for form in [Form::Bundle, Form::Tag] {
        let unsigned = fixture.check("verify", "one.pub", form, &name, &[]);
        refused(
            &unsigned,
            &["no signatures found", "no valid bundles exist"],
        );
    }

    // The signatures of the first image, moved to the other.
    let tag = |image: &Reference| fixture.name(&format!(":{}", tag_of(&image.digest().unwrap())));
    let copied = fixture.imagebuilder(&["copy", &tag(&signed), &tag(&changed)]);
    copied.succeeds();
    let moved = fixture.check("verify", "one.pub", Form::Tag, &name, &[]);
    refused(&moved, &["invalid or missing digest in claim"]);
    let layout = |name: &str| Layout::open(fixture.sandbox.path().join(name)).unwrap();
    move_bundle(&layout("signed"), &layout("changed"));
    let pushed = fixture.imagebuilder(&["push", "oci:changed", &name]);
    assert!(pushed.stderr.contains("1 referrer"), "{}", pushed.stderr);
    let moved = fixture.check("verify", "one.pub", Form::Bundle, &name, &[]);
    refused(&moved, &["provided artifact digest does not match"]);
}

#[test]
fn verify_accepts_what_cosign_signs_and_refuses_other_keys() {
    for form in [Form::Bundle, Form::Tag] {
        let fixture = Fixture::new(true);
        let image = fixture.build("v1", &[]);
        let name = fixture.name(&format!("@{}", image.digest().unwrap()));
        let verify = |key: &str| fixture.imagebuilder(&["verify", &name, "--key", key]);
        verify("one.pub").fails(5, "has no signature");
        let bundle = matches!(form, Form::Bundle);
        let bundle = format!("--new-bundle-format={bundle}");
        let args = ["sign", "--yes", "--key", "one.key", "--tlog-upload=false"];
        let more = ["--use-signing-config=false", &bundle, &name];
        fixture.cosign(&[&args[..], &more].concat()).succeeds();
        verify("one.pub").succeeds();
        verify("other.pub").fails(5, "is by another key, or forged");
    }
}
