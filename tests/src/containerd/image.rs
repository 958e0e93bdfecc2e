//! Small images with the tests' programs, and manifests that run them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use oci::image::{Manifest, canonical};
use oci::layout::Layout;
use oci::{Descriptor, MediaType, Platform, annotation};
use serde_json::{Value, json};

use super::fixture::fixture;

/// The program of `fixtures/pod.rs`, compiled once.
///
/// # Panics
/// When rustc cannot compile it.
pub fn pod_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| fixture("pod"))
}

/// The program of `fixtures/health.rs`, which Cargo compiles with the tests.
pub fn health_program() -> PathBuf {
    crate::program("e2e-health")
}

/// Creates a layout with the program as the image `pod:1`, and returns the image's descriptor.
///
/// # Panics
/// When the layout cannot be written.
pub fn image_layout(dir: &Path) -> Descriptor {
    Image::new("pod:1")
        .with("pod", pod_program())
        .config(json!({"Entrypoint": ["/pod"], "User": "65532:65532"}))
        .write(dir)
}

/// An image to be written into a layout.
#[derive(Clone, Debug)]
pub struct Image {
    name: String,
    architecture: String,
    files: BTreeMap<String, PathBuf>,
    config: Value,
}

impl Image {
    /// An image without files and settings.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            architecture: Platform::host().architecture,
            files: BTreeMap::new(),
            config: json!({}),
        }
    }

    /// Adds a static program at a path without a leading slash.
    #[must_use]
    pub fn with(mut self, path: &str, program: &Path) -> Self {
        self.files.insert(path.to_owned(), program.to_owned());
        self
    }

    /// Adds a program with the shared libraries that it needs.
    ///
    /// # Panics
    /// When `ldd` cannot list them.
    #[must_use]
    pub fn with_libraries(mut self, path: &str, program: &Path) -> Self {
        let output = Command::new("ldd").arg(program).output();
        let output = output.expect("ldd comes with libc");
        assert!(output.status.success(), "ldd {}", program.display());
        let listed = String::from_utf8_lossy(&output.stdout).into_owned();
        let words = listed.split_whitespace();
        for library in words.filter(|word| word.starts_with('/')) {
            let at = library.trim_start_matches('/');
            self = self.with(at, Path::new(library));
        }
        self.with(path, program)
    }

    /// Sets the architecture that it states, instead of this machine's.
    #[must_use]
    pub fn architecture(mut self, name: &str) -> Self {
        name.clone_into(&mut self.architecture);
        self
    }

    /// Sets the image's `config` (user, environment, entrypoint).
    #[must_use]
    pub fn config(mut self, config: Value) -> Self {
        self.config = config;
        self
    }

    /// Writes it into the layout at `dir`, which is created if it is missing, and returns its descriptor.
    ///
    /// # Panics
    /// When the layout cannot be written.
    pub fn write(&self, dir: &Path) -> Descriptor {
        let layout = Layout::create(dir).expect("the layout can be created");
        let put = |bytes: &[u8], media_type: &str| {
            layout.write_bytes(bytes).expect("the layout takes a blob");
            Descriptor::of(media_type, bytes)
        };
        let layer = put(
            &tar_of(&self.files),
            "application/vnd.oci.image.layer.v1.tar",
        );
        let config = canonical(&json!({
            "architecture": self.architecture,
            "os": "linux",
            "config": self.config,
            "rootfs": {"type": "layers", "diff_ids": [layer.digest]},
        }));
        let config = put(&config, MediaType::OCI_CONFIG);
        let (manifest, _) = Manifest::new(config, vec![layer]).to_bytes();
        let mut image = put(&manifest, MediaType::OCI_MANIFEST);
        image
            .annotations
            .insert(annotation::REF_NAME.to_owned(), self.name.clone());
        layout
            .put_index_entry(&image)
            .expect("the layout takes an image");
        image
    }
}

/// A tar archive of executables (POSIX ustar, IEEE 1003.1).
fn tar_of(files: &BTreeMap<String, PathBuf>) -> Vec<u8> {
    let mut tar = Vec::new();
    for (path, file) in files {
        let bytes = std::fs::read(file).expect("the file can be read");
        tar.extend_from_slice(&tar_header(path, bytes.len()));
        tar.extend_from_slice(&bytes);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

fn tar_header(path: &str, length: usize) -> [u8; 512] {
    let mut header = [0_u8; 512];
    let mut put =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, path);
    put(100, "0000755\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{length:011o}\0"));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

/// A Deployment of `replicas` pods with a Service in front, with more variables in `env`
/// (`NAME: value`), restricted as Pod Security's strictest profile requires.
pub fn manifest(replicas: u32, env: &[(&str, &str)]) -> String {
    let lines = env
        .iter()
        .map(|(name, value)| format!("            - {{name: {name}, value: \"{value}\"}}\n"));
    let variables = lines.collect::<Vec<_>>().concat();
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  strategy: {{rollingUpdate: {{maxSurge: 1, maxUnavailable: 0}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 5
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        seccompProfile: {{type: RuntimeDefault}}
      containers:
        - name: web
          image: pod:1
          ports: [{{name: http, containerPort: 5000}}]
          env:
            - {{name: NAME, valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}}}
{variables}          readinessProbe: {{httpGet: {{path: /readyz, port: http}}, periodSeconds: 1}}
          livenessProbe: {{httpGet: {{path: /healthz, port: http}}, periodSeconds: 1}}
          resources: {{requests: {{cpu: 50m, memory: 8Mi}}, limits: {{memory: 64Mi}}}}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {{drop: [ALL]}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  type: LoadBalancer
  selector: {{app: web}}
  ports: [{{port: 80, targetPort: http}}]
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_pods_do_not_depend_on_their_images() {
        // `PT_INTERP` names the program that loads shared libraries.
        let program = std::fs::read(pod_program()).unwrap();
        let loader = b"/lib64/ld-linux";
        assert!(!program.windows(loader.len()).any(|bytes| bytes == loader));
    }
}
