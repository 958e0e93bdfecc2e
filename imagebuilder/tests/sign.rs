//! Signatures and provenance: the attachments, and which ones `verify` accepts.
//!
//! Needs `openssl` and `git`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test builds the environment of a program"
)]

mod sandbox;

use oci::copy::Destination as _;
use oci::image::{EMPTY_JSON, Manifest};
use oci::layout::Layout;
use oci::{Descriptor, Reference};
use serde_json::Value;
use test_registry::{Behaviour, TestRegistry};

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
    let mut images = layout.images().unwrap();
    images.retain(|image| {
        image
            .artifact_type
            .as_ref()
            .is_some_and(|found| found.as_str() == kind)
    });
    images
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

#[test]
fn a_signature_is_verified_only_with_its_key() {
    let sandbox = sandbox();
    let platforms = ["--platform", "linux/amd64,linux/arm64"];
    let sign = ["--sign-key", "one.key"];
    let signed = build(
        &sandbox,
        "oci:img:signed",
        &[&platforms[..], &sign].concat(),
    );
    // The index, and the manifests of both platforms.
    assert_eq!(referrers(&layout(&sandbox, "img"), BUNDLE).len(), 3);
    let verified = verify(&sandbox, "oci:img:signed", "one.pub");
    let digest = signed.digest().unwrap();
    assert_eq!(
        (verified.code, verified.stdout),
        (Some(0), format!("{digest} signed\n")),
        "{}",
        verified.stderr
    );
    assert!(
        verified
            .stderr
            .contains(&format!("{digest} is signed, by sha256:"))
    );
    refused(
        &verify(&sandbox, "oci:img:signed", "other.pub"),
        "is by another key, or forged",
    );
    // Signing again gives the same signature.
    build(
        &sandbox,
        "oci:img:signed",
        &[&platforms[..], &sign].concat(),
    );
    assert_eq!(referrers(&layout(&sandbox, "img"), BUNDLE).len(), 3);
    // A platform's image that is copied on its own keeps its signature.
    let args = [
        "copy",
        "oci:img:signed",
        "oci:amd64",
        "--referrers",
        "--platform",
        "linux/amd64",
    ];
    assert_eq!(sandbox.run(&args).code, Some(0));
    assert_eq!(verify(&sandbox, "oci:amd64", "one.pub").code, Some(0));
}

#[test]
fn a_signature_that_is_missing_moved_or_forged_is_refused() {
    let sandbox = sandbox();
    let sign = ["--sign-key", "one.key"];
    build(&sandbox, "oci:plain", &[]);
    refused(
        &verify(&sandbox, "oci:plain", "one.pub"),
        " has no signature\n",
    );

    // Moved: a valid signature of one image, attached to another.
    build(&sandbox, "oci:moved", &sign);
    let other = build(&sandbox, "oci:moved:other", &["--source-date-epoch", "1"]);
    let target = layout(&sandbox, "moved").find(&other).unwrap();
    let target = Descriptor::new(target.media_type, target.digest, target.size);
    replace(&layout(&sandbox, "moved"), &|subject, _| {
        subject.clone_from(&target);
    });
    refused(
        &verify(&sandbox, "oci:moved:other", "one.pub"),
        "is of another image",
    );

    // Forged: the statement names the right image, but the signature is of another statement.
    let digest = target.digest.hex();
    replace(&layout(&sandbox, "moved"), &|_, bundle| {
        let statement = serde_json::json!({
            "_type": "https://in-toto.io/Statement/v1",
            "predicate": {},
            "predicateType": "https://sigstore.dev/cosign/sign/v1",
            "subject": [{"digest": {"sha256": digest}}],
        });
        let payload = base64(statement.to_string().as_bytes());
        bundle["dsseEnvelope"]["payload"] = payload.into();
    });
    refused(
        &verify(&sandbox, "oci:moved:other", "one.pub"),
        "is by another key, or forged",
    );

    // Malformed.
    replace(&layout(&sandbox, "moved"), &|_, bundle| {
        *bundle = serde_json::json!({});
    });
    refused(
        &verify(&sandbox, "oci:moved:other", "one.pub"),
        "is malformed",
    );

    // A forged signature beside a valid one has no effect.
    build(
        &sandbox,
        "oci:moved:other",
        &["--source-date-epoch", "1", "--sign-key", "one.key"],
    );
    assert_eq!(verify(&sandbox, "oci:moved:other", "one.pub").code, Some(0));
}

fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn signatures_are_in_the_registry_before_the_tag_and_under_cosigns_older_one() {
    let sandbox = sandbox();
    let server = TestRegistry::start(Behaviour {
        referrers: true,
        ..Behaviour::default()
    });
    let repo = server.host();
    let args = [
        "build",
        "hello",
        QUIET,
        "--repo",
        &repo,
        "--tag",
        "v1",
        "--sign-key",
        "one.key",
        "--docker-config",
        "none",
        "--sign-tag",
    ];
    let pushed = sandbox.run(&args).reference();
    let puts = server.manifest_puts();
    let digest = pushed.digest().unwrap();
    let tag = format!("sha256-{}.sig", digest.hex());
    assert_eq!(puts.len(), 4, "{puts:?}");
    assert_eq!(
        [&puts[0], &puts[2], &puts[3]],
        [&digest.to_string(), &tag, "v1"],
        "{puts:?}"
    );
    let image = format!("{repo}/team/hello:v1");
    assert_eq!(verify(&sandbox, &image, "one.pub").code, Some(0));
    refused(
        &verify(&sandbox, &image, "other.pub"),
        "is by another key, or forged",
    );
    // Building the same again uploads no blob and writes no tag.
    let before = server.seen().len();
    sandbox.run(&args).reference();
    let again = server.seen().split_off(before);
    let written: Vec<_> = again
        .iter()
        .filter(|seen| {
            let to_tag = seen.path.ends_with(&tag) || seen.path.ends_with("/v1");
            seen.method == "POST" || seen.method == "PUT" && to_tag
        })
        .collect();
    assert!(written.is_empty(), "{written:?}");

    // The tag is sufficient.
    let without = TestRegistry::start(Behaviour {
        referrers: true,
        ..Behaviour::default()
    });
    let copy = format!("{}/team/hello", without.host());
    for (from, to) in [
        (image.clone(), format!("{copy}:v1")),
        (format!("{repo}/team/hello:{tag}"), format!("{copy}:{tag}")),
    ] {
        let copied = sandbox.run(&["copy", &from, &to, "--docker-config", "none"]);
        assert_eq!(copied.code, Some(0), "{}", copied.stderr);
    }
    assert_eq!(
        verify(&sandbox, &format!("{copy}:v1"), "one.pub").code,
        Some(0)
    );
}

#[test]
fn a_key_that_cannot_sign_is_refused_before_anything_is_compiled() {
    let sandbox = sandbox();
    sandbox.write("hello/src/main.rs", "does not compile");
    tool(
        sandbox.path(),
        "openssl",
        &["genpkey", "-algorithm", "RSA", "-out", "rsa.key"],
    );
    let encrypted = include_str!("../../tests/fixtures/keys/cosign.key");
    sandbox.write("cosign.key", encrypted);
    let check = |key: &str, password: Option<&str>, expected: &str| {
        let mut command = sandbox.command(&["build", "hello", QUIET, "--sign-key", key]);
        command.env_remove("COSIGN_PASSWORD");
        if let Some(password) = password {
            command.env("COSIGN_PASSWORD", password);
        }
        let run = Run::of(sandbox.path(), command.output().unwrap());
        run.fails(2, expected);
    };
    check("nothing.key", None, "cannot read the key `nothing.key`");
    check(
        "one.pub",
        None,
        "`one.pub` has no private key: it is a `PUBLIC KEY`",
    );
    check(
        "rsa.key",
        None,
        "`rsa.key` is not a valid ECDSA key on the curve P-256",
    );
    check(
        "cosign.key",
        None,
        "is encrypted, and COSIGN_PASSWORD is not set",
    );
    check(
        "cosign.key",
        Some("wrong"),
        "the password is wrong, or the file is damaged",
    );
    let run = verify(&sandbox, "oci:nothing", "one.key");
    assert!(
        run.stderr
            .contains("`one.key` has no public key: it is a `PRIVATE KEY`"),
        "{}",
        run.stderr
    );
}

#[test]
fn an_encrypted_key_signs_with_its_password() {
    let sandbox = sandbox();
    sandbox.write(
        "cosign.key",
        include_str!("../../tests/fixtures/keys/cosign.key"),
    );
    sandbox.write(
        "cosign.pub",
        include_str!("../../tests/fixtures/keys/cosign.pub"),
    );
    // A build script does not get the password.
    sandbox.write(
        "hello/build.rs",
        "fn main() { assert!(std::env::var_os(\"COSIGN_PASSWORD\").is_none()); }",
    );
    let mut command = sandbox.command(&[
        "build",
        "hello",
        QUIET,
        "--sign-key",
        "cosign.key",
        "--output",
        "oci:img",
    ]);
    command.env("COSIGN_PASSWORD", "password");
    Run::of(sandbox.path(), command.output().unwrap()).reference();
    assert_eq!(verify(&sandbox, "oci:img", "cosign.pub").code, Some(0));
}

/// Commits the sandbox to a repository with a remote.
fn commit(sandbox: &Sandbox) {
    sandbox.write(".gitignore", "/target\n/img\n*.key\n*.pub\n");
    let script = "git init -q .
        git remote add origin https://user:secret@example.com/team/hello.git
        git add .
        git -c user.name=x -c user.email=x@example.com commit -qm 'A commit'";
    tool(sandbox.path(), "bash", &["-ec", script]);
}

#[test]
fn provenance_names_the_commit_the_arguments_and_the_dependencies() {
    let sandbox = sandbox();
    let manifest = sandbox.read("hello/Cargo.toml");
    sandbox.write("hello/Cargo.toml", &format!("{manifest}itoa = \"1\"\n"));
    let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock");
    sandbox.write("Cargo.lock", &std::fs::read_to_string(lock).unwrap());
    build(&sandbox, "oci:img", &[]);
    let before = sandbox.run(&[
        "build",
        "hello",
        QUIET,
        "--output",
        "oci:img",
        "--provenance",
    ]);
    before.fails(2, "is not in a git repository with a commit");

    commit(&sandbox);
    let args = ["--provenance", "--sbom"];
    let image = build(&sandbox, "oci:img", &args);
    let statement = statement(&sandbox);
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["predicateType"], "https://slsa.dev/provenance/v1");
    assert_eq!(statement["subject"][0]["name"], "team/hello");
    let digest = image.digest().unwrap().hex();
    assert_eq!(statement["subject"][0]["digest"]["sha256"], digest);
    let definition = &statement["predicate"]["buildDefinition"];
    let head = tool(sandbox.path(), "git", &["rev-parse", "HEAD"]);
    let source = serde_json::json!({
        "uri": "git+https://example.com/team/hello.git",
        "digest": {"gitCommit": head.trim()},
    });
    assert_eq!(definition["externalParameters"]["source"], source);
    let arguments = definition["externalParameters"]["arguments"].to_string();
    assert!(
        arguments.starts_with("[\"build\",\"hello@1.2.3\",\"--bin\",\"hello\","),
        "{arguments}"
    );
    let dependencies = definition["resolvedDependencies"].as_array().unwrap();
    assert_eq!(dependencies[0], source);
    let itoa = dependencies
        .iter()
        .find(|found| found["name"] == "itoa")
        .unwrap();
    let checksum = itoa["digest"]["sha256"].as_str().unwrap();
    assert!(sandbox.read("Cargo.lock").contains(checksum));
    let byproducts = statement["predicate"]["runDetails"]["byproducts"]
        .as_array()
        .unwrap();
    assert_eq!(byproducts[0]["mediaType"], "application/spdx+json");

    // Building again gives the same statement; with a change it is refused.
    let count = layout(&sandbox, "img").images().unwrap().len();
    build(&sandbox, "oci:img", &args);
    assert_eq!(layout(&sandbox, "img").images().unwrap().len(), count);
    sandbox.write("hello/src/main.rs", "fn main() {}");
    let dirty = sandbox.run(&[
        "build",
        "hello",
        QUIET,
        "--output",
        "oci:img",
        "--provenance",
    ]);
    dirty.fails(2, ": M hello/src/main.rs\n");
}

/// The only statement in the layout `img`.
fn statement(sandbox: &Sandbox) -> Value {
    let layout = layout(sandbox, "img");
    let found = referrers(&layout, "application/vnd.in-toto+json");
    assert_eq!(found.len(), 1);
    let manifest = layout.manifest(&found[0]).unwrap();
    let bytes = std::fs::read(layout.blob_path(&manifest.layers[0].digest)).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn an_image_is_rebuilt_from_the_source_in_its_provenance() {
    let sandbox = sandbox();
    build(&sandbox, "oci:img", &[]);
    commit(&sandbox);
    let none = sandbox.run(&["verify", "oci:img", "--rebuild"]);
    refused(&none, " has no provenance of imagebuilder\n");
    let platforms = ["--platform", "linux/amd64,linux/arm64"];
    let args = [&platforms[..], &["--provenance", "--sign-key", "one.key"]].concat();
    let image = build(&sandbox, "oci:img", &args);
    // The remote does not exist; the repository itself has the commit.
    let rebuild = |source: &str, more: &[&str]| {
        let args = [
            "verify",
            source,
            QUIET,
            "--rebuild",
            "--source-repository",
            ".",
        ];
        sandbox.run(&[&args[..], more].concat())
    };
    let again = rebuild("oci:img", &["--key", "one.pub"]);
    let expected = format!("{} team/hello\n", image.digest().unwrap());
    assert_eq!(
        (again.code, again.stdout),
        (Some(0), expected),
        "{}",
        again.stderr
    );

    // With the provenance of another build, the rebuilt image differs.
    let text = sandbox.read("hello/src/main.rs");
    sandbox.write("hello/src/main.rs", &text.replace("println", "eprintln"));
    build(&sandbox, "oci:img:forged", &platforms);
    let layout = layout(&sandbox, "img");
    let forged = layout.find(&"forged".parse().unwrap()).unwrap();
    let subject = Descriptor::new(forged.media_type.clone(), forged.digest, forged.size);
    let mut statement = provenance(&layout);
    statement["subject"][0]["digest"]["sha256"] = forged.digest.hex().into();
    let bundle = serde_json::json!({
        "mediaType": BUNDLE,
        "verificationMaterial": {},
        "dsseEnvelope": {
            "payload": base64(statement.to_string().as_bytes()),
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [],
        },
    });
    attach(&layout, &subject, &bundle);
    let differs = rebuild("oci:img:forged", &[]);
    assert_eq!(differs.code, Some(5), "{}", differs.stderr);
    assert!(
        differs.stdout.contains("layer 1 /usr/local/bin/hello: "),
        "{}",
        differs.stdout
    );
    assert!(
        differs
            .stderr
            .contains("Caused by: the rebuilt image is sha256:"),
        "{}",
        differs.stderr
    );
    refused(
        &rebuild("oci:img:forged", &["--key", "one.pub"]),
        " has no signature",
    );
}

/// The statement of a provenance that is signed.
fn provenance(layout: &Layout) -> Value {
    use ::base64::Engine as _;
    let statements = referrers(layout, BUNDLE).into_iter().map(|referrer| {
        let manifest = layout.manifest(&referrer).unwrap();
        let bytes = std::fs::read(layout.blob_path(&manifest.layers[0].digest)).unwrap();
        let bundle: Value = serde_json::from_slice(&bytes).unwrap();
        let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
        let payload = ::base64::engine::general_purpose::STANDARD.decode(payload);
        serde_json::from_slice::<Value>(&payload.unwrap()).unwrap()
    });
    let mut provenance = statements
        .filter(|statement| statement["predicateType"] == "https://slsa.dev/provenance/v1");
    provenance.next().unwrap()
}
