//! `imagebuilder diff` of two images with a single difference.

use crate::sandbox::{QUIET, Sandbox};

fn build(sandbox: &Sandbox, name: &str) {
    let output = format!("oci:img:{name}");
    let args = ["build", "hello", QUIET, "--output", &output];
    sandbox.run(&args).reference();
}

#[test]
fn a_changed_setting_and_a_changed_program_are_distinguished() {
    let sandbox = Sandbox::new();
    build(&sandbox, "one");
    let same = sandbox.run(&["diff", "oci:img:one", "oci:img:one"]);
    assert_eq!((same.code, same.stdout), (Some(0), String::new()));

    let manifest = sandbox.read("hello/Cargo.toml");
    sandbox.write(
        "hello/Cargo.toml",
        &manifest.replace("A = \"b\"", "A = \"c\""),
    );
    build(&sandbox, "two");
    let settings = sandbox.run(&["diff", "oci:img:one", "oci:img:two"]);
    assert_eq!(settings.code, Some(5), "{}", settings.stderr);
    let lines: Vec<&str> = settings.stdout.lines().collect();
    let [line] = lines[..] else {
        panic!("{}", settings.stdout)
    };
    assert!(
        line.ends_with("config config.Env[0]: \"A=b\" → \"A=c\""),
        "{line}"
    );

    let source = sandbox.read("hello/src/main.rs");
    sandbox.write(
        "hello/src/main.rs",
        &source.replace("println!(\"{n}\")", "println!(\"<{n}>\")"),
    );
    build(&sandbox, "three");
    let args = ["diff", "oci:img:two", "oci:img:three", "--format", "json"];
    let program = sandbox.run(&args);
    assert_eq!(program.code, Some(5), "{}", program.stderr);
    let report: serde_json::Value = serde_json::from_str(&program.stdout).unwrap();
    let found = report["differences"].as_array().unwrap();
    assert_eq!(found[0]["kind"], "layer");
    assert_eq!(found[0]["layer"], 1);
    let contents = found.iter().find(|found| found["change"] == "content");
    let content = contents.unwrap();
    assert_eq!(content["path"], "usr/local/bin/hello");
    // The offset is that of the first difference.
    let first = usize::try_from(content["first_byte"].as_u64().unwrap()).unwrap();
    let [one, other] = ["two", "three"].map(|name| binary(&sandbox, name));
    assert_eq!(one[..first], other[..first]);
    assert_ne!(one[first], other[first]);
}

#[test]
fn a_time_is_a_difference_of_every_file_and_a_platform_of_one_image() {
    let sandbox = Sandbox::new();
    build(&sandbox, "one");
    let args = [
        "build",
        "hello",
        QUIET,
        "--output",
        "oci:img:two",
        "--source-date-epoch",
        "1",
    ];
    sandbox.run(&args).reference();
    let found = sandbox.run(&["diff", "oci:img:one", "oci:img:two"]).stdout;
    assert!(
        found.contains("layer 0 /etc/passwd: time 0 → 1\n"),
        "{found}"
    );
    assert!(
        found.contains("config created: \"1970-01-01T00:00:00Z\" → \"1970-01-01T00:00:01Z\"\n"),
        "{found}"
    );

    let platforms = [
        "build",
        "hello",
        QUIET,
        "--output",
        "oci:img:both",
        "--platform",
        "linux/amd64,linux/arm64",
    ];
    sandbox.run(&platforms).reference();
    let found = sandbox.run(&["diff", "oci:img:one", "oci:img:both"]);
    let other = if cfg!(target_arch = "x86_64") {
        "linux/arm64"
    } else {
        "linux/amd64"
    };
    assert!(
        found.stdout.contains(&format!("{other}  only in B\n")),
        "{}",
        found.stdout
    );
    assert!(found.stderr.contains(" differ\n"), "{}", found.stderr);
    let several = sandbox.run(&["diff", "oci:img", "oci:img:one"]);
    assert_eq!(several.code, Some(2));
    assert!(
        several
            .stderr
            .starts_with("error: `oci:img` has 3 images, but only one can be used\n"),
        "{}",
        several.stderr
    );
}

fn binary(sandbox: &Sandbox, name: &str) -> Vec<u8> {
    let layout = oci::layout::Layout::open(sandbox.path().join("img")).unwrap();
    let image = layout.find(&name.parse().unwrap()).unwrap();
    let manifest = layout.manifest(&image).unwrap();
    let blob = layout.blob(&manifest.layers[1]).unwrap();
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(blob));
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap().ends_with("hello") {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
            return bytes;
        }
    }
    panic!("no program in {name}");
}
