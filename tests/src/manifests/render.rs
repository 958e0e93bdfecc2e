//! Runs `kubectl kustomize` and parses its output.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use ship::relative_path;

/// The objects of a kustomization.
#[derive(Clone, Debug)]
pub struct Rendered(Vec<Value>);

impl Rendered {
    /// All of them, in the order in which they are applied.
    pub fn objects(&self) -> &[Value] {
        &self.0
    }

    /// The only object of a kind.
    ///
    /// # Panics
    /// When there is not exactly one.
    pub fn only(&self, kind: &str) -> &Value {
        let mut found = self.0.iter().filter(|object| object["kind"] == kind);
        let object = found
            .next()
            .unwrap_or_else(|| panic!("no {kind} in the manifests"));
        assert!(
            found.next().is_none(),
            "more than one {kind} in the manifests"
        );
        object
    }

    /// The Deployment's only container.
    ///
    /// # Panics
    /// When there is not exactly one Deployment.
    pub fn container(&self) -> &Value {
        &self.only("Deployment")["spec"]["template"]["spec"]["containers"][0]
    }

    /// The value of a variable in the container's environment, if it is stated literally.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.container()["env"]
            .as_array()?
            .iter()
            .find(|variable| variable["name"] == name)?["value"]
            .as_str()
    }
}

/// A PATH on which the programs find that kubectl.
///
/// # Panics
/// As [`kubectl`].
pub fn path_with_kubectl() -> String {
    let kubectl = kubectl();
    let folder = kubectl.parent().unwrap_or(Path::new("")).display();
    #[expect(clippy::disallowed_methods, reason = "the edge: the PATH of the tests")]
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{folder}:{path}")
}

/// A kubectl that can render: the one on PATH, else the one that the cluster tests are built with.
///
/// # Panics
/// When there is none and none can be built.
pub fn kubectl() -> PathBuf {
    if Command::new("kubectl")
        .args(["version", "--client"])
        .output()
        .is_ok_and(|o| o.status.success())
    {
        return PathBuf::from("kubectl");
    }
    let build = repository().join("dev/cluster/build");
    let output = Command::new(&build)
        .arg("kubectl")
        .output()
        .expect("dev/cluster/build starts");
    assert!(
        output.status.success(),
        "kubectl is not on PATH, and cannot be built:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()).join("kubectl")
}

/// Renders a folder with a kustomization.
///
/// # Panics
/// With kustomize's message, when it refuses.
pub fn render(folder: &Path) -> Rendered {
    let output = Command::new(kubectl())
        .arg("kustomize")
        .arg(folder)
        .output()
        .expect("kubectl starts");
    assert!(
        output.status.success(),
        "kubectl kustomize {}: {}",
        folder.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("kustomize prints UTF-8");
    Rendered(serde_saphyr::from_multiple(&text).expect("kustomize prints YAML"))
}

/// Writes a kustomization into `scratch` that patches an object of an overlay, and returns its
/// folder.
///
/// # Panics
/// When `scratch` cannot be written.
pub fn variant(scratch: &Path, name: &str, overlay: &Path, kind: &str, patch: &str) -> PathBuf {
    patched(scratch, name, overlay, &[(kind, patch)])
}

/// Like [`variant`], with a patch for each of several kinds.
///
/// # Panics
/// When `scratch` cannot be written.
pub fn patched(scratch: &Path, name: &str, overlay: &Path, patches: &[(&str, &str)]) -> PathBuf {
    let folder = scratch.join(name);
    std::fs::create_dir_all(&folder).expect("the scratch folder can be written");
    let overlay = relative_path(&folder, overlay).expect("both folders are there");
    let mut text = format!("resources:\n  - {}\npatches:\n", overlay.display());
    for (index, (kind, patch)) in patches.iter().enumerate() {
        let file = format!("patch-{index}.yaml");
        text.extend([format!("  - path: {file}\n    target: {{kind: {kind}}}\n")]);
        std::fs::write(folder.join(file), patch).expect("the folder was just created");
    }
    std::fs::write(folder.join("kustomization.yaml"), text).expect("the folder was just created");
    folder
}

/// The root of this repository.
///
/// # Panics
/// Never: this crate is in a folder of it.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the root")
        .to_owned()
}
