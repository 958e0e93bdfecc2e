//! Provenance: its content, and rebuilding an image from it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci::Descriptor;
use oci::layout::Layout;
use serde_json::Value;

use crate::sandbox::{QUIET, Sandbox, tool};
use crate::{BUNDLE, attach, build, encode, layout, referrers, refused, sandbox};

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
    let args = ["build", "hello", QUIET, "--output", "oci:img"];
    let refused = || sandbox.run(&[&args[..], &["--provenance"]].concat());
    refused().fails(2, "is not in a git repository with a commit");

    commit(&sandbox);
    let git = |args: &[&str]| tool(sandbox.path(), "git", args);
    // Also files that `git status` is configured not to report.
    git(&["config", "status.showUntrackedFiles", "no"]);
    sandbox.write("hello/src/extra.rs", "");
    refused().fails(2, "?? hello/src/extra.rs");
    std::fs::remove_file(sandbox.path().join("hello/src/extra.rs")).unwrap();
    git(&["update-index", "--assume-unchanged", "hello/src/main.rs"]);
    refused().fails(2, "h hello/src/main.rs (assumed unchanged)");
    git(&["update-index", "--no-assume-unchanged", "hello/src/main.rs"]);
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
    let count = layout(&sandbox, "img").entries().unwrap().len();
    build(&sandbox, "oci:img", &args);
    assert_eq!(layout(&sandbox, "img").entries().unwrap().len(), count);
    sandbox.write("hello/src/main.rs", "fn main() {}");
    refused().fails(2, ": M hello/src/main.rs\n");
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
fn provenance_is_refused_for_an_asset_that_git_ignores() {
    let sandbox = sandbox();
    let name = "name = \"team/hello\"\n";
    let assets = format!("{name}assets = [{{ src = \"dist\", dest = \"/srv\" }}]\n");
    let manifest = sandbox.read("hello/Cargo.toml").replace(name, &assets);
    sandbox.write("hello/Cargo.toml", &manifest);
    sandbox.write("hello/dist/.gitignore", "*.js\n");
    sandbox.write("hello/dist/x.js", "");
    build(&sandbox, "oci:img", &[]);
    commit(&sandbox);
    let args = [
        "build",
        "hello",
        QUIET,
        "--output",
        "oci:img",
        "--provenance",
    ];
    let run = sandbox.run(&args);
    run.fails(2, "hello/dist/x.js` is not in commit ");
    std::fs::remove_file(sandbox.path().join("hello/dist/x.js")).unwrap();
    sandbox.run(&args).reference();
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
            "payload": encode(statement.to_string().as_bytes()),
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
    let statements = referrers(layout, BUNDLE).into_iter().map(|referrer| {
        let manifest = layout.manifest(&referrer).unwrap();
        let bytes = std::fs::read(layout.blob_path(&manifest.layers[0].digest)).unwrap();
        let bundle: Value = serde_json::from_slice(&bytes).unwrap();
        let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
        let payload = STANDARD.decode(payload);
        serde_json::from_slice::<Value>(&payload.unwrap()).unwrap()
    });
    let mut provenance = statements
        .filter(|statement| statement["predicateType"] == "https://slsa.dev/provenance/v1");
    provenance.next().unwrap()
}
