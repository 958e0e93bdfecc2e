//! Signatures: of which key, and of which image.

use oci::Descriptor;
use test_registry::{Behaviour, TestRegistry};

use crate::sandbox::{QUIET, Run, tool};
use crate::{BUNDLE, build, encode, layout, referrers, refused, replace, sandbox, verify};

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
        let payload = encode(statement.to_string().as_bytes());
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
    let encrypted = include_str!("../../../tests/fixtures/keys/cosign.key");
    sandbox.write("cosign.key", encrypted);
    let check = |key: &str, password: Option<&str>, expected: &str| {
        let mut command = sandbox.command(&["build", "hello", QUIET, "--sign-key", key]);
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
        include_str!("../../../tests/fixtures/keys/cosign.key"),
    );
    sandbox.write(
        "cosign.pub",
        include_str!("../../../tests/fixtures/keys/cosign.pub"),
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
