//! The documents name files, `make` targets and settings that exist.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::path::{Path, PathBuf};

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
