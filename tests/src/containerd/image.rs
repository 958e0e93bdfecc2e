//! A small image whose program does what a test asks of it, and manifests that run it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use oci::image::{Manifest, canonical};
use oci::layout::Layout;
use oci::{Descriptor, MediaType, Platform, annotation};

use super::fixture::fixture;

/// The program of `fixtures/pod.rs`, compiled once.
///
/// # Panics
/// When rustc cannot compile it.
pub fn pod_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| fixture("pod"))
}

/// Creates a layout with the program as the image `pod:1`, and returns the image's descriptor.
///
/// # Panics
/// When the layout cannot be written.
pub fn image_layout(dir: &Path) -> Descriptor {
    let program = std::fs::read(pod_program()).expect("the program was compiled");
    let tar = tar_of("pod", &program);
    let layout = Layout::create(dir).expect("the layout can be made");
    let put = |bytes: &[u8], media_type: &str| {
        layout.write_bytes(bytes).expect("the layout takes a blob");
        Descriptor::of(media_type, bytes)
    };
    let layer = put(&tar, "application/vnd.oci.image.layer.v1.tar");
    let config = canonical(&serde_json::json!({
        "architecture": Platform::host().architecture,
        "os": "linux",
        "config": {"Entrypoint": ["/pod"], "User": "65532:65532"},
        "rootfs": {"type": "layers", "diff_ids": [layer.digest]},
    }));
    let config = put(&config, MediaType::OCI_CONFIG);
    let (manifest, _) = Manifest::new(config, vec![layer]).to_bytes();
    let mut image = put(&manifest, MediaType::OCI_MANIFEST);
    image
        .annotations
        .insert(annotation::REF_NAME.to_owned(), "pod:1".to_owned());
    layout
        .put_index_entry(&image)
        .expect("the layout takes an image");
    image
}

/// A tar archive with one executable (POSIX ustar, IEEE 1003.1).
fn tar_of(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    let mut put =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000755\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", bytes.len()));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut tar = header.to_vec();
    tar.extend_from_slice(bytes);
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    tar
}

/// A Deployment of `replicas` pods with a Service in front, with more variables in `env`
/// (`NAME: value`), restricted as Pod Security's strictest profile asks.
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
