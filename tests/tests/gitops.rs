//! docs/gitops.md: the manifests that Argo CD and Flux apply, its YAML and its commands. Needs kubectl,
//! and no cluster.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::manifests::{Schema, kubectl, path_with_kubectl, repository};
use e2e::program;
use serde_json::{Value, json};
use tempfile::TempDir;

const IMAGE: &str = "registry.example/app@sha256:\
    0000000000000000000000000000000000000000000000000000000000000000";
const WAVE: &str = "argocd.argoproj.io/sync-wave";
/// Overlays, with components whose objects wait for pods or are waited for by pods.
const VARIANTS: [(&str, &str); 3] = [
    ("eks", "gitops"),
    ("eks", "storage-ebs,gitops,monitoring,internal"),
    ("eks-auto", "gitops,storage-ebs-auto,spot-auto"),
];

/// `ship render` into a file of a folder that does not exist yet.
fn render(scratch: &TempDir, overlay: &str, components: &str) -> PathBuf {
    let file = scratch.path().join("deploy/manifests.yaml");
    let output = Command::new(program("ship"))
        .args(["render", "--image", IMAGE, "--component", components])
        .args(["--overlay", &format!("k8s/overlays/{overlay}"), "--output"])
        .arg(&file)
        .env("PATH", path_with_kubectl())
        .current_dir(repository())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{overlay} {components}: {stderr}");
    assert_eq!(output.stdout, b"", "the manifests are in the file");
    file
}

fn read(file: &Path) -> Vec<Value> {
    serde_saphyr::from_multiple(&fs::read_to_string(file).unwrap()).unwrap()
}

fn identity(object: &Value) -> String {
    let metadata = &object["metadata"];
    format!(
        "{} {} {}",
        object["kind"], metadata["namespace"], metadata["name"]
    )
}

fn wave(object: &Value) -> &str {
    object["metadata"]["annotations"][WAVE]
        .as_str()
        .unwrap_or("0")
}

fn document() -> String {
    fs::read_to_string(repository().join("docs/gitops.md")).unwrap()
}

/// The blocks of code in a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let blocks = text.split(&fence).skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks.collect()
}

/// The objects of a kind in the document.
fn documented(kind: &str) -> Vec<Value> {
    let blocks = blocks(&document(), "yaml");
    let objects = blocks
        .iter()
        .flat_map(|block| serde_saphyr::from_multiple::<Value>(block).unwrap());
    objects.filter(|object| object["kind"] == kind).collect()
}

#[test]
fn rendering_is_complete_and_reproducible() {
    for (overlay, components) in VARIANTS {
        let scratch = tempfile::tempdir().unwrap();
        let file = render(&scratch, overlay, components);
        let first = fs::read(&file).unwrap();
        assert_eq!(
            fs::read(render(&scratch, overlay, components)).unwrap(),
            first
        );
        let others = fs::read_dir(file.parent().unwrap()).unwrap().count();
        assert_eq!(others, 1, "only the manifests are left in the folder");

        let objects = read(&file);
        let namespaces: Vec<_> = objects
            .iter()
            .filter(|object| object["kind"] == "Namespace")
            .map(|namespace| namespace["metadata"]["name"].clone())
            .collect();
        assert_eq!(namespaces.len(), 1, "{overlay} {components}");
        let mut identities = BTreeSet::new();
        for object in &objects {
            let namespace = &object["metadata"]["namespace"];
            assert!(
                namespace.is_null() || namespaces.contains(namespace),
                "{object}"
            );
            assert!(
                identities.insert(identity(object)),
                "{object} is there twice"
            );
            assert!(object["status"].is_null(), "{object}");
        }
        let text = String::from_utf8(first).unwrap();
        for left in ["cargo://", "REPLACE-ME"] {
            assert!(!text.contains(left), "{left}");
        }
        assert_eq!(text.matches(&format!("image: {IMAGE}")).count(), 1);
    }
}

/// The file is written atomically, and an error leaves it unchanged.
#[test]
fn a_failed_render_leaves_the_file_unchanged() {
    let scratch = tempfile::tempdir().unwrap();
    let file = render(&scratch, "eks", "gitops");
    let before = fs::read(&file).unwrap();
    let ship = |more: &[&str], output: &Path| {
        Command::new(program("ship"))
            .args(["render", "--image", IMAGE, "--overlay", "k8s/overlays/eks"])
            .args(more)
            .arg("--output")
            .arg(output)
            .env("PATH", path_with_kubectl())
            .current_dir(repository())
            .output()
            .unwrap()
    };
    let failed = ship(&["--component", "tls"], &file);
    assert_eq!(failed.status.code(), Some(2));
    assert_eq!(fs::read(&file).unwrap(), before);

    let folder = file.parent().unwrap();
    let failed = ship(&[], folder);
    let stderr = String::from_utf8_lossy(&failed.stderr);
    assert_eq!(failed.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("error: cannot write "), "{stderr}");
    assert!(stderr.contains("hint: OUT="), "{stderr}");
}

#[test]
fn argo_cd_applies_the_load_balancer_before_the_pods() {
    let application = &documented("Application")[..];
    let [application] = application else {
        panic!("{application:?}")
    };
    let options = application["spec"]["syncPolicy"]["syncOptions"]
        .as_array()
        .unwrap();
    assert!(
        options.contains(&json!("ServerSideApply=true")),
        "{options:?}"
    );
    for (overlay, components) in VARIANTS {
        let scratch = tempfile::tempdir().unwrap();
        for object in read(&render(&scratch, overlay, components)) {
            // An object that is not healthy without pods would keep the first wave from completing.
            let waits = [
                "Deployment",
                "HorizontalPodAutoscaler",
                "PersistentVolumeClaim",
            ];
            let waits = waits.iter().any(|kind| object["kind"] == *kind);
            let expected = if waits { "1" } else { "0" };
            assert_eq!(
                wave(&object),
                expected,
                "{overlay} {components}: {}",
                identity(&object)
            );
        }
    }
}

/// Applied by kustomize, which Flux runs, the document's patches split the manifests into two halves that
/// together are complete.
#[test]
fn flux_applies_the_load_balancer_before_the_pods() {
    let file = "k8s/schemas/kustomize.toolkit.fluxcd.io_kustomizations.yaml";
    let schema = Schema::of_crd(&repository().join(file));
    let documented = documented("Kustomization");
    let [first, second] = &documented[..] else {
        panic!("{documented:?}")
    };
    for kustomization in &documented {
        assert_eq!(schema.check(kustomization), []);
        let mut misspelled = kustomization.clone();
        misspelled["spec"]["dependOn"] = json!([]);
        assert_eq!(schema.check(&misspelled).len(), 1);
        assert_eq!(kustomization["spec"]["wait"], true);
        assert_eq!(kustomization["spec"]["path"], first["spec"]["path"]);
    }
    assert_eq!(
        second["spec"]["dependsOn"][0]["name"],
        first["metadata"]["name"]
    );

    for (overlay, components) in VARIANTS {
        let scratch = tempfile::tempdir().unwrap();
        let file = render(&scratch, overlay, components);
        let applied = |kustomization: &Value| -> BTreeSet<String> {
            let folder = file.parent().unwrap();
            let build = json!({
                "resources": ["manifests.yaml"], "patches": kustomization["spec"]["patches"],
            });
            fs::write(folder.join("kustomization.yaml"), build.to_string()).unwrap();
            let output = Command::new(kubectl())
                .arg("kustomize")
                .arg(folder)
                .output()
                .unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{stderr}");
            let text = String::from_utf8(output.stdout).unwrap();
            let objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
            objects.iter().map(identity).collect()
        };
        let all = read(&file);
        let of_wave = |wanted: &str| -> BTreeSet<String> {
            let objects = all.iter().filter(|object| wave(object) == wanted);
            objects.map(identity).collect()
        };
        assert_eq!(applied(first), of_wave("0"), "{overlay} {components}");
        assert_eq!(applied(second), of_wave("1"), "{overlay} {components}");
    }
}

/// Each `make render` of the document, by the real make, with a known image in place of a registry.
#[test]
fn the_commands_of_the_document_write_the_manifests() {
    let text = document();
    let mut commands: Vec<_> = blocks(&text, "sh")
        .iter()
        .map(|block| block.trim().to_owned())
        .collect();
    for workflow in blocks(&text, "yaml") {
        let lines = workflow.lines().map(str::to_owned);
        let runs = lines.filter_map(|line| {
            line.trim()
                .strip_prefix("- run: make")
                .map(|rest| format!("make{rest}"))
        });
        commands.extend(runs);
    }
    assert_eq!(commands.len(), 2, "{commands:?}");
    for command in commands {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("manifests.yaml");
        let words = command.split(' ').map(|word| match word.split_once('=') {
            Some(("REPO", _)) => format!("IMAGE={IMAGE}"),
            Some(("OUT", _)) => format!("OUT={}", file.display()),
            _ => word.to_owned(),
        });
        let words: Vec<_> = words.collect();
        let output = Command::new(&words[0])
            // The programs are built and the dependencies installed already.
            .args(
                ["deps-deploy", "deps-ship", "build-ship"]
                    .map(|built| format!("--old-file={built}")),
            )
            .args(&words[1..])
            .env("PATH", path_with_kubectl())
            .current_dir(repository())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {stderr}");
        assert!(
            read(&file).iter().any(|object| wave(object) == "1"),
            "{command}"
        );
    }
}
