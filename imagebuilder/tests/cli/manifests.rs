//! The stream of manifests that `resolve` prints.

use std::os::unix::fs::symlink;

use crate::sandbox::{QUIET, Run, Sandbox};

fn resolve(sandbox: &Sandbox) -> Run {
    sandbox.run(&["resolve", "-f", "k8s", QUIET])
}

/// Resolves these files, without an image.
fn stream(files: &[(&str, &str)]) -> String {
    let sandbox = Sandbox::empty();
    for (name, text) in files {
        sandbox.write(&format!("k8s/{name}"), text);
    }
    let run = resolve(&sandbox);
    run.succeeds();
    run.stdout
}

/// kubectl reads a stream that begins with `{` as JSON, which has no `---`.
#[test]
fn a_stream_of_several_files_is_yaml() {
    let (a, b) = ("{\"a\": 1}\n", "{\"b\": 2}\n");
    let both = format!("---\n{a}---\n{b}");
    assert_eq!(stream(&[("a.json", a), ("b.json", b)]), both);
    assert_eq!(stream(&[("a.json", a), ("b.yaml", b)]), both);
    assert_eq!(
        stream(&[("0.yaml", ""), ("a.json", a), ("b.json", b)]),
        both
    );
    let indented = format!("\n {a}");
    assert_eq!(
        stream(&[("a.json", &indented), ("b.json", b)]),
        format!("---\n{indented}---\n{b}")
    );
    assert_eq!(stream(&[("a.json", a)]), a, "one file keeps every byte");
    assert_eq!(
        stream(&[("a.yaml", "a: 1\n"), ("b.json", b)]),
        format!("a: 1\n---\n{b}")
    );
}

#[test]
fn each_file_is_a_document_of_its_own() {
    let check = |text: &str, expected: &str| {
        let actual = stream(&[("a.yaml", "a: 1\n"), ("b.yaml", text)]);
        assert_eq!(actual, format!("a: 1\n{expected}"));
    };
    check("b: 2\n", "---\nb: 2\n");
    for marked in ["---\nb: 2\n", "--- # why\nb: 2\n", "---\r\nb: 2\r\n", "---"] {
        check(marked, marked);
    }
    check("---x: 1\n", "---\n---x: 1\n");
    // Directives follow the end of the document before them.
    check("%YAML 1.1\n---\nb: 2\n", "...\n%YAML 1.1\n---\nb: 2\n");
    // A byte order mark may only begin the stream.
    check("\u{feff}---\nb: 2\n", "---\nb: 2\n");
    check("\u{feff}b: 2\n", "---\nb: 2\n");
}

#[test]
fn a_manifest_that_cannot_be_opened_is_an_error() {
    let sandbox = Sandbox::empty();
    sandbox.write("k8s/a.yaml", "a: 1\n");
    symlink("none.yaml", sandbox.path().join("k8s/b.yaml")).unwrap();
    resolve(&sandbox).fails(2, "cannot read k8s/b.yaml");
}
