//! The documents name files, `make` targets and settings that exist, and the Makefile every test that
//! `make test` leaves out.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;

/// The root of the checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn documents_name_files_that_exist() {
    let root = root();
    let mut named = 0;
    let documents = [
        "CONTRIBUTING.md",
        "README.md",
        "docs/ARCHITECTURE.md",
        "docs/ecr.md",
        "docs/eks.md",
        "docs/gitops.md",
        "docs/nodectl.md",
        "docs/tour.md",
    ];
    for document in documents {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        for word in text.split('`').skip(1).step_by(2) {
            let first = word.split('/').next().unwrap_or_default();
            let is_path =
                !first.is_empty() && word.contains('/') && !word.contains([' ', '*', '{']);
            if is_path && first != "target" && root.join(first).is_dir() {
                assert!(root.join(word).exists(), "{document} names {word}");
                named += 1;
            }
        }
    }
    assert!(
        named > 60,
        "only {named} files are named: has the documents' markup changed?"
    );
}

/// The rows of the tables whose head is ``in `FOLDER` ``: the folder, and the names in the first
/// column.
fn tables_of_files(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut tables: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let first = line
            .strip_prefix("| ")
            .and_then(|row| row.split(" | ").next());
        let folder = first
            .and_then(|cell| cell.strip_prefix("in `"))
            .and_then(|cell| cell.strip_suffix('`'));
        match (folder, first) {
            (Some(folder), _) => {
                tables.push((folder, Vec::new()));
                inside = true;
            }
            (None, Some(cell)) if inside => {
                let names = cell.split('`').skip(1).step_by(2);
                tables.last_mut().expect("pushed above").1.extend(names);
            }
            _ => inside &= line.starts_with('|'),
        }
    }
    tables
}

#[test]
fn the_architecture_lists_every_file_and_folder_of_a_program() {
    let root = root();
    let text = std::fs::read_to_string(root.join("docs/ARCHITECTURE.md")).unwrap();
    let tables = tables_of_files(&text);
    assert!(tables.len() >= 4, "{tables:?}");
    for (folder, names) in tables {
        for name in &names {
            assert!(root.join(folder).join(name).exists(), "{folder}{name}");
        }
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let entry = entry.unwrap();
            let mut name = entry.file_name().into_string().unwrap();
            if entry.path().is_dir() {
                name.push('/');
            }
            let listed = names.iter().any(|listed| listed.starts_with(&name));
            assert!(
                listed || ["lib.rs", "main.rs"].contains(&name.as_str()),
                "the table of {folder} in docs/ARCHITECTURE.md lacks {name}"
            );
        }
    }
}

/// The `make` commands of a document: in its blocks of code and in its sentences.
fn make_commands(text: &str) -> Vec<&str> {
    let lines = text
        .lines()
        .map(|line| line.strip_prefix("$ ").unwrap_or(line))
        .map(|line| line.split(" #").next().unwrap_or(line))
        .map(|line| line.split(" >").next().unwrap_or(line));
    let spans = text.split('`').skip(1).step_by(2);
    lines
        .chain(spans)
        .filter(|command| command.starts_with("make "))
        .collect()
}

#[test]
fn documents_name_make_targets_and_settings_that_exist() {
    let root = root();
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let makefiles = read("Makefile") + &read("dev/eks.mk");
    let is_target = |word: &str| {
        let mut rules = makefiles.lines().filter_map(|line| line.split_once(':'));
        rules.any(|(names, _)| names.split(' ').any(|name| name == word))
    };
    let is_setting = |word: &str| {
        let mut words = makefiles.split(|c: char| !c.is_ascii_uppercase() && c != '_');
        words.any(|known| known == word)
    };
    assert!(is_target("deploy") && !is_target("deplo"));
    assert!(is_setting("CA_FILE") && !is_setting("CA_FIL"));
    let mut named = 0;
    for document in [
        "README.md",
        "docs/ARCHITECTURE.md",
        "docs/eks.md",
        "docs/gitops.md",
        "docs/nodectl.md",
        "docs/tour.md",
    ] {
        for command in make_commands(&read(document)) {
            for word in command.split_whitespace().skip(1) {
                let known = match word.split_once('=') {
                    Some((setting, _)) => is_setting(setting),
                    // An ellipsis, or the end of a quoted value.
                    None if word == "…" || word.ends_with('"') => continue,
                    None => is_target(word),
                };
                assert!(
                    known,
                    "{document} has `{command}`: unknown target or setting {word}"
                );
                named += 1;
            }
        }
    }
    assert!(
        named > 30,
        "only {named} are named: has the documents' markup changed?"
    );
}

/// A test that needs a feature or a Kubernetes is run only by a command that names it.
#[test]
fn the_makefile_names_every_test_that_make_test_leaves_out() {
    let root = root();
    let makefile = std::fs::read_to_string(root.join("Makefile")).unwrap();
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .other_options(vec!["--locked".to_owned(), "--no-deps".to_owned()])
        .exec()
        .unwrap();
    let is_in_a_cluster = |name: &str| name == "cluster" || name.starts_with("cluster_");
    // The tests of `oci` need a feature that its dependents enable.
    let packages = metadata.packages.iter().filter(|one| one.name != "oci");
    let left_out: BTreeSet<&str> = packages
        .flat_map(|package| &package.targets)
        .filter(|target| target.is_test())
        .filter(|target| !target.required_features.is_empty() || is_in_a_cluster(&target.name))
        .map(|target| target.name.as_str())
        .collect();
    let run = tests_of(&makefile);
    let never: Vec<_> = left_out.difference(&run).collect();
    assert!(never.is_empty(), "no command of make runs {never:?}");
    assert!(left_out.len() > 15, "{left_out:?}");

    // Other words of the Makefile do not count.
    let without = makefile.replace(
        "rendered_tests = gitops manifests",
        "rendered_tests = gitops",
    );
    assert!(!tests_of(&without).contains("manifests"));
}

/// The tests that a Makefile names: after `--test`, and in its lists of tests.
fn tests_of(makefile: &str) -> BTreeSet<&str> {
    let mut tests = BTreeSet::new();
    let mut in_a_list = false;
    for line in makefile.lines() {
        let variable = line.split_once(" = ").map_or("", |(name, _)| name);
        in_a_list = in_a_list || variable.ends_with("_tests") || variable.starts_with("e2e_");
        let words = line.split(|c: char| !(c.is_alphanumeric() || "-_%$".contains(c)));
        if in_a_list {
            tests.extend(words);
        } else {
            let mut words = words.filter(|word| !word.is_empty());
            while words.any(|word| word == "--test") {
                tests.extend(words.next());
            }
        }
        in_a_list &= line.ends_with('\\');
    }
    tests
}
