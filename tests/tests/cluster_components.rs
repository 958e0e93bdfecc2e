//! Components on the overlays for EKS: deployed to a real Kubernetes behind a simulated load balancer,
//! tested through it, and removed without leaking an object.
//!
//! Needs the cluster that `dev/cluster/run` starts on this machine, openssl and curl.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::BTreeMap;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::cluster::{Cluster, NAMESPACE};
use e2e::lb::Scale;
use e2e::lb_controller::{Authority, Controller, Kind, Times};
use e2e::manifests::{combinations, patched};
use serde_json::{Value, json};

const SERVICE: &str = "rust-app-service";
const HOST: &str = "shop.example.com";
const CERTIFICATE: &str = "arn:aws:acm:eu-west-1:123456789012:certificate/1";
/// The user of the service's pods.
const USER: u32 = 65532;

fn scratch() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("components")
}

/// An overlay with the components that its name lists, and patches on it.
fn overlay(name: &str, patches: &[(&str, &str)]) -> PathBuf {
    let all = combinations(&scratch());
    let found = all.iter().find(|combination| combination.name == name);
    let folder = &found
        .unwrap_or_else(|| panic!("{name} is not offered"))
        .folder;
    if patches.is_empty() {
        return folder.clone();
    }
    patched(&scratch(), &format!("{name}-patched"), folder, patches)
}

fn start(cluster: &mut Cluster, kind: Kind, authority: &Authority) -> Controller {
    let certificate = authority.issue(&format!("DNS:{HOST}")).unwrap();
    let certificates = BTreeMap::from([(CERTIFICATE.to_owned(), certificate)]);
    cluster.start_controller(kind, Times::scaled(Scale(60)), certificates)
}

/// A volume on the node, in place of one that AWS's driver creates.
struct Volume<'a> {
    cluster: &'a Cluster,
    name: String,
    folder: PathBuf,
}

impl<'a> Volume<'a> {
    fn create(cluster: &'a Cluster, class: &str, mode: &str) -> Self {
        let folder = cluster.state().join("volumes").join(class);
        std::fs::create_dir_all(&folder).unwrap();
        // As the drivers do, by the class's parameters or the pod's fsGroup.
        chown(&folder, Some(USER), Some(USER)).unwrap();
        let name = format!("{class}-on-the-node");
        let volume = json!({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
            "spec": {
                "capacity": {"storage": "1Gi"}, "accessModes": [mode], "storageClassName": class,
                "hostPath": {"path": folder}, "persistentVolumeReclaimPolicy": "Retain",
            },
        });
        // A volume leaked by a killed test is bound to a claim that no longer exists.
        cluster.run(&["delete", "pv", &name, "--ignore-not-found"]);
        cluster.kubectl.apply(&volume.to_string(), &[]).unwrap();
        Self {
            cluster,
            name,
            folder,
        }
    }

    fn is_empty(&self) -> bool {
        std::fs::read_dir(&self.folder).unwrap().next().is_none()
    }
}

impl Drop for Volume<'_> {
    fn drop(&mut self) {
        let _ = self
            .cluster
            .kubectl
            .run(&["delete", "pv", &self.name, "--ignore-not-found"]);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// `/info`, with the client as the pod sees it through the load balancer.
fn info(url: &str, options: &[&str]) -> Value {
    let output = Command::new("curl")
        .args(["-sS", "--fail", "--max-time", "10"])
        .args(options)
        .arg(format!("{url}info"))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Undeploys an overlay, and asserts that none of its objects are left in the cluster.
#[track_caller]
fn removes(cluster: &Cluster, overlay: &Path) {
    cluster.undeploy_overlay(overlay);
    let kinds = "namespaces,storageclasses,ingressclasses,targetgroupbindings";
    let left = cluster.run(&["get", kinds, "-A", "-o=name"]);
    assert!(!left.contains("rust"), "{left}");
}

fn address(cluster: &Cluster, controller: &Controller, kind: &str, name: &str) -> String {
    let host = cluster.host(kind, name);
    controller.address(&host).unwrap().ip().to_string()
}

#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn tls_proxy_protocol_spot_and_an_ebs_volume_work_together() {
    let mut cluster = Cluster::connect_as_eks();
    cluster.undeploy();
    let authority = Authority::new().unwrap();
    let controller = start(&mut cluster, Kind::Controller, &authority);
    let volume = Volume::create(&cluster, "rust-app-ebs", "ReadWriteOnce");
    let service = format!(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: {SERVICE}\n  namespace: {NAMESPACE}\n  \
         annotations:\n    external-dns.alpha.kubernetes.io/hostname: {HOST}\n    \
         service.beta.kubernetes.io/aws-load-balancer-ssl-cert: {CERTIFICATE}\n"
    );
    // The node's addresses, instead of the VPC's.
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: rust-app, namespace: rust-app}\n\
         spec: {template: {spec: {containers: [{name: rust-app, env: \
         [{name: APP_TRUSTED_PROXIES, value: 10.244.0.0/16}]}]}}}\n";
    let overlay = overlay(
        "eks+nlb+proxy-protocol+spot+storage-ebs+tls",
        &[("Service", &service), ("Deployment", deployment)],
    );
    let ca = authority.certificate().display().to_string();
    let (url, printed) = cluster.deploy(&overlay, &["--service-ca", &ca]).succeeded();
    assert_eq!(url, format!("https://{HOST}/\n"));
    assert!(
        printed.contains("shop.example.com does not point to the load balancer yet"),
        "{printed}"
    );

    let resolve = format!(
        "{HOST}:443:{}",
        address(&cluster, &controller, "service", SERVICE)
    );
    let info = info(url.trim_end(), &["--cacert", &ca, "--resolve", &resolve]);
    let client = &info["client"];
    assert_eq!(client["believed_from"], "proxy-protocol", "{client:#}");
    assert!(
        client["address"].as_str().unwrap().starts_with("127."),
        "{client:#}"
    );
    assert!(info["visits"].is_u64(), "{info:#}");
    assert!(!volume.is_empty(), "the counter is not on the volume");
    let grace = cluster.field(".spec.template.spec.terminationGracePeriodSeconds");
    assert_eq!(grace, "110", "a drain within the notice of a Spot instance");
    removes(&cluster, &overlay);
}

#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn an_ingress_with_tls_and_an_efs_volume_work_together() {
    let mut cluster = Cluster::connect_as_eks();
    cluster.undeploy();
    let authority = Authority::new().unwrap();
    let controller = start(&mut cluster, Kind::Controller, &authority);
    let volume = Volume::create(&cluster, "rust-app-efs", "ReadWriteMany");
    let class = "- op: replace\n  path: /parameters/fileSystemId\n  value: fs-0123456789abcdef0\n";
    let ingress = format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: rust-app\n  \
         namespace: {NAMESPACE}\n  annotations:\n    \
         external-dns.alpha.kubernetes.io/hostname: {HOST}\n    \
         alb.ingress.kubernetes.io/certificate-arn: {CERTIFICATE}\n"
    );
    let overlay = overlay(
        "eks+alb-ingress+storage-efs+tls",
        &[("StorageClass", class), ("Ingress", &ingress)],
    );
    let ca = authority.certificate().display().to_string();
    let (url, _) = cluster.deploy(&overlay, &["--service-ca", &ca]).succeeded();
    assert_eq!(url, format!("https://{HOST}/\n"));

    let address = address(&cluster, &controller, "ingress", "rust-app");
    let resolve = |port| format!("{HOST}:{port}:{address}");
    let secure = ["--cacert", &ca, "--resolve", &resolve(443)];
    let info = info(url.trim_end(), &secure);
    let forwarded = info["client"]["x_forwarded_for"].as_str().unwrap();
    assert!(forwarded.starts_with("127."), "{info:#}");
    assert!(info["visits"].is_u64(), "{info:#}");
    assert!(!volume.is_empty(), "the counter is not on the volume");

    // Port 80 sends a browser to the same URL on 443.
    let redirected = Command::new("curl")
        .args(["-sS", "--max-time", "10", "-o", "/dev/null"])
        .args([
            "-w",
            "%{http_code} %{redirect_url}",
            "--resolve",
            &resolve(80),
        ])
        .arg(format!("http://{HOST}/info?a=b"))
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&redirected.stdout),
        format!("301 https://{HOST}:443/info?a=b")
    );
    removes(&cluster, &overlay);
}

#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn auto_mode_has_an_ingress_class_a_node_pool_and_a_volume_of_its_own() {
    let mut cluster = Cluster::connect_as_eks();
    cluster.undeploy();
    let authority = Authority::new().unwrap();
    let _controller = start(&mut cluster, Kind::AutoMode, &authority);
    let volume = Volume::create(&cluster, "rust-app-ebs", "ReadWriteOnce");
    let overlay = overlay("eks-auto+alb-ingress-auto+spot-auto+storage-ebs-auto", &[]);
    let (url, _) = cluster.deploy(&overlay, &[]).succeeded();
    assert_eq!(
        url,
        format!("http://{}/\n", cluster.host("ingress", "rust-app"))
    );
    assert!(!volume.is_empty(), "the counter is not on the volume");
    removes(&cluster, &overlay);
}
