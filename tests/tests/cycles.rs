//! Keeps the modules of every crate free of dependency cycles: of two siblings, at most one may depend on
//! the other, directly or indirectly. What both need belongs in a module of its own.
//!
//! Paths that begin with `crate`, `super` or `self` are followed, re-exports included. A parent and
//! its child may name each other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The segments of a path.
type Segments = Vec<String>;

/// One module: a file, or a `mod name { … }` in one.
#[derive(Default)]
struct Module {
    children: BTreeMap<String, Module>,
    /// Names that `use` brings into scope, and the paths that they stand for.
    imports: BTreeMap<String, Segments>,
    /// Paths that its code names, from the crate's root.
    named: BTreeSet<Segments>,
}

impl Module {
    /// Reads a source file and those of its child modules.
    fn read(file: &Path, at: &[String]) -> Self {
        let source = std::fs::read_to_string(file).expect("a module has a file");
        let tokens: TokenStream = source.parse().expect("a module is made of tokens");
        let mut module = Self::default();
        let folder = match file.file_stem().and_then(|stem| stem.to_str()) {
            Some("lib" | "mod") => file.parent().expect("a file is in a folder").to_owned(),
            _ => file.with_extension(""),
        };
        module.scan(tokens, at, &folder);
        module
    }

    fn scan(&mut self, tokens: TokenStream, at: &[String], folder: &Path) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut index = 0;
        while index < tokens.len() {
            let rest = &tokens[index..];
            index += if let Some(length) = test_item(rest) {
                length
            } else if let Some((name, body)) = child(rest) {
                let at = [at, std::slice::from_ref(&name)].concat();
                let child = match body {
                    Some(body) => {
                        let mut child = Self::default();
                        child.scan(body, &at, &folder.join(&name));
                        child
                    }
                    None => Self::read(&file_of(folder, &name), &at),
                };
                self.children.insert(name, child);
                3
            } else if is(&rest[0], "use") && !is(&rest[1], "<") {
                let end = rest.iter().position(|token| is(token, ";"));
                let end = end.expect("an import ends with a semicolon");
                self.import(&rest[1..end], at);
                end + 1
            } else if let Some((path, length)) = path(rest).filter(|(path, _)| path.len() > 1) {
                self.named.extend(absolute(&path, at));
                length
            } else {
                if let TokenTree::Group(group) = &rest[0] {
                    self.scan(group.stream(), at, folder);
                }
                1
            };
        }
    }

    fn import(&mut self, tree: &[TokenTree], at: &[String]) {
        for (path, name) in leaves(&[], tree) {
            if let Some(path) = absolute(&path, at) {
                self.imports.insert(name, path.clone());
                self.named.insert(path);
            } else {
                // Relative to this module, or in another crate and then not found here.
                self.imports.insert(name, [at, &path].concat());
            }
        }
    }

    fn descend(&self, path: &[String]) -> Option<&Self> {
        path.iter()
            .try_fold(self, |module, segment| module.children.get(segment))
    }
}

/// The module that `path` ends up in, from the root: re-exports are followed.
fn home(root: &Module, path: &[String]) -> Segments {
    let mut path = path.to_vec();
    // Longer chains of re-exports would confuse readers too.
    for _ in 0..8 {
        let depth = (0..=path.len())
            .rev()
            .find(|depth| root.descend(&path[..*depth]).is_some())
            .expect("the root is there");
        let module = root.descend(&path[..depth]).expect("it was found above");
        let target = path.get(depth).and_then(|name| module.imports.get(name));
        match target {
            Some(target) if *target != path => {
                path = [target.as_slice(), &path[depth + 1..]].concat();
            }
            _ => {
                path.truncate(depth);
                return path;
            }
        }
    }
    panic!("re-exports of {path:?} are cyclic");
}

fn is(token: &TokenTree, text: &str) -> bool {
    !matches!(token, TokenTree::Group(_)) && token.to_string() == text
}

/// The tokens of an item under `#[cfg(test)]`.
fn test_item(tokens: &[TokenTree]) -> Option<usize> {
    let [hash, TokenTree::Group(attribute), item @ ..] = tokens else {
        return None;
    };
    let attribute = attribute.stream().to_string().replace(' ', "");
    let for_tests = ["cfg(test)", "cfg(all(test,"];
    if !is(hash, "#") || !for_tests.iter().any(|start| attribute.starts_with(start)) {
        return None;
    }
    let body = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        other => is(other, ";"),
    };
    Some(2 + item.iter().position(body)? + 1)
}

/// `mod name;` or `mod name { … }`.
fn child(tokens: &[TokenTree]) -> Option<(String, Option<TokenStream>)> {
    let [keyword, TokenTree::Ident(name), body, ..] = tokens else {
        return None;
    };
    match body {
        _ if !is(keyword, "mod") => None,
        TokenTree::Group(group) => Some((name.to_string(), Some(group.stream()))),
        _ => Some((name.to_string(), None)),
    }
}

fn file_of(folder: &Path, name: &str) -> PathBuf {
    let beside = folder.join(name).with_extension("rs");
    if beside.exists() {
        beside
    } else {
        folder.join(name).join("mod.rs")
    }
}

/// `a::b::c`, and how many tokens that is.
fn path(tokens: &[TokenTree]) -> Option<(Segments, usize)> {
    let mut path = Vec::new();
    let mut index = 0;
    while let Some(TokenTree::Ident(ident)) = tokens.get(index) {
        path.push(ident.to_string());
        index += 1;
        let colons = |at: usize| tokens.get(at).is_some_and(|token| is(token, ":"));
        if !(colons(index) && colons(index + 1)) {
            break;
        }
        index += 2;
    }
    (!path.is_empty()).then_some((path, index))
}

/// What an import brings: each path, and its name in this scope.
fn leaves(prefix: &[String], tree: &[TokenTree]) -> Vec<(Segments, String)> {
    let (own, length) = path(tree).unwrap_or_default();
    let whole = [prefix, &own].concat();
    match &tree[length..] {
        [TokenTree::Group(group)] => {
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            inner
                .split(|token| is(token, ","))
                .filter(|tree| !tree.is_empty())
                .flat_map(|tree| leaves(&whole, tree))
                .collect()
        }
        rest => {
            let mut path = whole;
            if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
                path.pop();
            }
            let name = match rest {
                [keyword, TokenTree::Ident(name)] if is(keyword, "as") => Some(name.to_string()),
                _ => path.last().cloned(),
            };
            name.map(|name| (path, name)).into_iter().collect()
        }
    }
}

/// A path from the crate's root; `None` unless it begins with `crate`, `self` or `super`.
fn absolute(path: &[String], at: &[String]) -> Option<Segments> {
    let mut base = match path[0].as_str() {
        "crate" => Vec::new(),
        "self" | "super" => at.to_vec(),
        _ => return None,
    };
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        match first.as_str() {
            "crate" | "self" => {}
            "super" => drop(base.pop()),
            _ => break,
        }
        rest = tail;
    }
    base.extend_from_slice(rest);
    Some(base)
}

/// The dependencies among siblings, by folder.
type Siblings = BTreeMap<Segments, BTreeMap<String, BTreeSet<String>>>;

fn collect(root: &Module, module: &Module, at: &[String], siblings: &mut Siblings) {
    for path in &module.named {
        let home = home(root, path);
        let shared = at.iter().zip(&home).take_while(|(a, b)| a == b).count();
        if let (Some(from), Some(to)) = (at.get(shared), home.get(shared)) {
            let folder = siblings.entry(at[..shared].to_vec()).or_default();
            folder.entry(from.clone()).or_default().insert(to.clone());
        }
    }
    for (name, child) in &module.children {
        collect(
            root,
            child,
            &[at, std::slice::from_ref(name)].concat(),
            siblings,
        );
    }
}

/// The shortest way from `start` back to itself.
fn cycle(names: &BTreeMap<String, BTreeSet<String>>, start: &str) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut ways = VecDeque::from([vec![start.to_owned()]]);
    while let Some(way) = ways.pop_front() {
        let last = way.last().expect("a path has at least one module");
        for next in names.get(last).into_iter().flatten() {
            let way = [way.as_slice(), std::slice::from_ref(next)].concat();
            if next == start {
                return Some(way);
            }
            if seen.insert(next.clone()) {
                ways.push_back(way);
            }
        }
    }
    None
}

/// Each cycle of the crate whose root is `file` once, with its folder.
fn cycles(file: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let root = Module::read(file, &[]);
    let mut siblings = Siblings::new();
    collect(&root, &root, &[], &mut siblings);
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (folder, names) in siblings {
        for start in names.keys() {
            let Some(way) = cycle(&names, start) else {
                continue;
            };
            // Rotated to begin with its first name, so that each cycle is listed once.
            if way.iter().min() == Some(start) {
                let ways = found.entry(folder.join("/")).or_default();
                ways.insert(way.join(" → "));
            }
        }
    }
    found
}

#[test]
fn no_modules_depend_on_each_other_in_a_cycle() {
    let metadata = MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata");
    let mut wrong = Vec::new();
    let mut crates = 0;
    for package in metadata.workspace_packages() {
        let Some(library) = package.targets.iter().find(|target| target.is_lib()) else {
            continue;
        };
        crates += 1;
        for (folder, ways) in cycles(library.src_path.as_std_path()) {
            wrong.extend(ways.iter().map(|way| {
                let name = &package.name;
                let separator = if folder.is_empty() { "" } else { ": " };
                format!("{name}: {folder}{separator}{way}")
            }));
        }
    }
    assert!(crates > 5, "only {crates} libraries were found");
    assert!(wrong.is_empty(), "cycles:\n{}", wrong.join("\n"));
}

#[test]
fn a_cycle_is_found_by_every_kind_of_path() {
    let check = |left: &str, right: &str, expected: &[&str]| {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("a file");
        };
        write("lib.rs", "mod left;\nmod right;\npub use right::Right;\n");
        write("left.rs", left);
        write("right.rs", right);
        let found = cycles(&folder.path().join("lib.rs"));
        let found: Vec<_> = found.values().flatten().map(String::as_str).collect();
        assert_eq!(found, expected, "{left} {right}");
    };
    let both = &["left → right → left"][..];
    check("use crate::right::R;", "use crate::left::L;", both);
    check(
        "use super::{right::R};",
        "fn f() { super::left::l() }",
        both,
    );
    check(
        "use crate::{Right as R};",
        "use crate::{left::{self}};",
        both,
    );
    check(
        "fn f(_: crate::Right) {}",
        "impl crate::left::L for R {}",
        both,
    );
    check(
        "use crate::right;",
        "mod inner { use super::super::left::L; }",
        both,
    );
    check("use crate::right::R;", "", &[]);
    check(
        "use crate::right::R;",
        "/// [`crate::left`]\nfn f() {}",
        &[],
    );
    check(
        "use crate::right::R;",
        "#[cfg(test)]\nmod tests { use crate::left::L; }",
        &[],
    );
}
