//! `init`: the manifests that it changes, and those that it refuses to change.

use crate::sandbox::Sandbox;

#[test]
fn a_manifest_whose_tables_are_inline_is_left_alone() {
    let sandbox = Sandbox::new();
    for manifest in [
        "[package]\nname = \"two\"\nversion = \"1.2.3\"\nedition = \"2024\"\nmetadata = { docs = {} }\n",
        "package = { name = \"two\", version = \"1.2.3\", edition = \"2024\" }\n",
    ] {
        sandbox.write("two/Cargo.toml", manifest);
        let refused = sandbox.run(&["init", "two"]);
        refused.fails(
            2,
            "error: cannot append [package.metadata.image] to `[WS]/two/Cargo.toml`: ",
        );
        let hint = "hint: --print shows the table: add its keys to the inline table by hand\n";
        assert!(refused.stderr.ends_with(hint), "{}", refused.stderr);
        assert_eq!(sandbox.read("two/Cargo.toml"), manifest);
        sandbox.run(&["init", "two", "--print"]).succeeds();
    }
}

#[test]
fn a_manifest_keeps_its_line_endings() {
    let sandbox = Sandbox::new();
    let manifest = sandbox.read("two/Cargo.toml").replace('\n', "\r\n");
    sandbox.write("two/Cargo.toml", &manifest);
    sandbox.run(&["init", "two"]).succeeds();
    let changed = sandbox.read("two/Cargo.toml");
    assert!(changed.starts_with(&format!("{manifest}\r\n# The image")));
    assert_eq!(
        changed.matches('\n').count(),
        changed.matches("\r\n").count()
    );
}
