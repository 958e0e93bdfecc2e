//! The output of commands, and the content of layouts.

use std::fs;

use oci::layout::Layout;

use crate::sandbox::{QUIET, Sandbox, tool};

#[test]
fn json_is_one_object_of_known_fields() {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Report {
        digest: String,
        media_type: String,
        name: String,
        reference: String,
        schema_version: u32,
        size_bytes: u64,
    }
    let sandbox = Sandbox::new();
    let args = [
        "build",
        "hello",
        "--output",
        "oci:img",
        "--format",
        "json",
        "--progress=json",
    ];
    let run = sandbox.run(&args);
    let report: Report = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        report.reference,
        format!("{}@{}", report.name, report.digest)
    );
    assert_eq!(
        (report.schema_version, report.name.as_str()),
        (1, "team/hello")
    );
    assert!(report.media_type.ends_with("manifest.v1+json") && report.size_bytes > 0);
    for line in run.stderr.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["level"], "status");
    }
}

#[test]
fn a_layout_gets_the_image_under_the_given_name() {
    let sandbox = Sandbox::new();
    let build = |output: &str, more: &[&str]| {
        let args = ["build", "hello", "--output", output, QUIET];
        sandbox.run(&[&args, more].concat()).reference()
    };
    let names = || {
        let layout = Layout::open(sandbox.path().join("img")).unwrap();
        let images = layout.entries().unwrap();
        let names = images
            .iter()
            .map(|image| image.ref_name().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(build("oci:img:x/y:v1", &[]).name(), "x/y");
    assert_eq!(names(), ["x/y:v1"]);
    build("oci:img:x/y", &["--tag", "v2"]);
    assert_eq!(names(), ["x/y:v1", "x/y:v2"]);
}

#[test]
fn every_line_of_json_progress_is_json() {
    let sandbox = Sandbox::new();
    sandbox.write("hello/src/main.rs", "fn main() { oops }\n");
    let run = sandbox.run(&["build", "hello", "--progress=json"]);
    let levels = json_levels(&run.stderr);
    assert!(
        levels.iter().any(|level| level == "diagnostic"),
        "{}",
        run.stderr
    );
    assert_eq!(levels.last().unwrap(), "error");
}

#[test]
fn a_usage_error_is_json_if_progress_is_json() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["build", "--nonsense", "--progress", "json"]);
    assert_eq!(run.code, Some(2));
    assert_eq!(json_levels(&run.stderr), ["error"]);
    assert!(run.stderr.contains("--nonsense"), "{}", run.stderr);
}

/// The level of each line, all of which are JSON.
fn json_levels(stderr: &str) -> Vec<String> {
    let level = |line| {
        let event: serde_json::Value = serde_json::from_str(line).expect(stderr);
        event["level"].as_str().expect(stderr).to_owned()
    };
    stderr.lines().map(level).collect()
}

#[test]
fn the_commit_and_the_command_of_an_image_are_inspected() {
    let sandbox = Sandbox::new();
    sandbox.write(".gitignore", "/target\n/img\n");
    let script = "git init -q .
        git remote add origin https://example.com/team/hello.git
        git add .
        git -c user.name=x -c user.email=x@example.com commit -qm 'A commit'
        git rev-parse HEAD";
    let lock = ["build", "hello", "--output", "oci:img", QUIET];
    sandbox.run(&lock).reference();
    let commit = tool(sandbox.path(), "bash", &["-ec", script]);
    let commit = commit.trim_end();
    let none = sandbox.run(&["inspect", "oci:img", "--provenance"]).stdout;
    assert!(!none.contains("  source "), "{none}");
    sandbox
        .run(&[&lock[..], &["--provenance"]].concat())
        .reference();
    let text = sandbox.run(&["inspect", "oci:img", "--provenance"]).stdout;
    for expected in [
        format!("  source      git+https://example.com/team/hello.git {commit}\n"),
        "  command     imagebuilder build hello".to_owned(),
    ] {
        assert!(text.contains(&expected), "{expected}: {text}");
    }
    let json = ["inspect", "oci:img", "--provenance", "--format=json"];
    let json: serde_json::Value = serde_json::from_str(&sandbox.run(&json).stdout).unwrap();
    let provenance = &json["images"][0]["manifests"][0]["provenance"];
    assert_eq!(provenance["source"]["digest"]["gitCommit"], commit);
}

#[test]
fn a_layout_is_inspected_and_verified() {
    let sandbox = Sandbox::new();
    let platforms = "linux/amd64,linux/arm64";
    let args = [
        "build",
        "hello",
        "--output",
        "oci:img",
        QUIET,
        "--platform",
        platforms,
    ];
    let reference = sandbox.run(&args).reference();
    let text = sandbox.run(&["inspect", "oci:img", "--files"]).stdout;
    for expected in [
        "name        team/hello\n",
        "  platform    linux/arm64\n",
        "  args        /usr/local/bin/hello --x\n",
        "  user        65532:65532\n",
        "  ports       5000/tcp\n",
        "  stop signal SIGTERM\n",
        "  label       org.opencontainers.image.title=hello\n",
        "    drwxrwxrwt 0:0                 0 B tmp/\n",
        " usr/local/bin/hello\n",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let json = sandbox
        .run(&["inspect", "oci:img:team/hello", "--format=json"])
        .stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let image = &json["images"][0];
    assert_eq!(image["digest"], reference.digest().unwrap().to_string());
    assert_eq!(image["manifests"][1]["platform"], "linux/arm64");
    let layer = &image["manifests"][1]["layers"][1];
    assert_eq!(layer["files"], serde_json::Value::Null);

    let verify = || sandbox.run(&["verify", "oci:img", QUIET]);
    let expected = format!("{} team/hello\n", reference.digest().unwrap());
    let run = verify();
    assert_eq!(
        (run.code, run.stdout),
        (Some(0), expected),
        "{}",
        run.stderr
    );
    let digest = layer["digest"].as_str().unwrap().replace(':', "/");
    let blob = sandbox.path().join("img/blobs").join(digest);
    let whole = fs::read(&blob).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    for bytes in [&damaged[..], &whole[1..], &[&whole[..], b"x"].concat()] {
        fs::write(&blob, bytes).unwrap();
        let run = verify();
        assert_eq!(
            (run.code, run.stdout.as_str()),
            (Some(5), ""),
            "{}",
            run.stderr
        );
        let expected = "error: verification of the image `team/hello` failed\n";
        assert!(run.stderr.starts_with(expected), "{}", run.stderr);
    }
    fs::remove_file(&blob).unwrap();
    assert_eq!(verify().code, Some(1));
}

#[test]
fn manifests_are_resolved_and_nothing_else_is_changed() {
    let sandbox = Sandbox::new();
    sandbox.write("k8s/b.yml", "image: 'cargo://hello' # why\r\n");
    sandbox.write(
        "k8s/a.yaml",
        "# first\nspec: {image: cargo://hello, x: \"y\"}",
    );
    sandbox.write("k8s/ignored.txt", "image: cargo://none");
    let run = sandbox.run(&["resolve", "-f", "k8s", "--output", "oci:img", QUIET]);
    let image = sandbox
        .run(&["build", "hello", "--output", "oci:img", QUIET])
        .reference();
    assert_eq!(
        run.stdout,
        format!("# first\nspec: {{image: {image}, x: \"y\"}}\n---\nimage: '{image}' # why\r\n")
    );
    sandbox.write(
        "c.yaml",
        "a: cargo://hello\n---\nb:\n  image: cargo://hllo\n",
    );
    let run = sandbox.run(&["resolve", "-f", "c.yaml", "--output", "oci:img", QUIET]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert_eq!(
        run.stderr,
        "error: cannot resolve `cargo://hllo` in c.yaml, line 4\n  \
         Caused by: the workspace `[WS]` has no package `hllo`, only `hello`, `lib`, `two`\n\
         hint: did you mean `hello`?\n"
    );
    sandbox.write("d.yaml", "a: [b\n");
    let run = sandbox.run(&["resolve", "-f", "d.yaml", "--output", "oci:img", QUIET]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("Caused by: not YAML: "),
        "{}",
        run.stderr
    );
}

/// A build that is killed at any moment leaves the existing images intact, and the next build succeeds.
#[test]
fn a_killed_build_leaves_a_layout_that_verifies() {
    let sandbox = Sandbox::new();
    let manifest = sandbox.read("hello/Cargo.toml");
    let header = "[package.metadata.image]\n";
    let assets = format!("{header}assets = [{{ src = \"noise\", dest = \"/noise\" }}]\n");
    sandbox.write("hello/Cargo.toml", &manifest.replace(header, &assets));
    let args = ["build", "hello", "--sbom", "--output", "oci:img", QUIET];
    let command = |number| {
        sandbox.noise("hello/noise", number, 1_000_000);
        sandbox.command(&args)
    };
    // Compiling is not part of the runs that are killed.
    assert!(command(0).output().unwrap().status.success());
    sandbox.kill_runs(command);
    let reference = sandbox.run(&args).reference();
    assert_eq!(sandbox.run(&args).reference(), reference);
    sandbox.assert_nothing_half_written();
}
