//! What the installation of a controller adds to a cluster: its custom resources, its webhook, its
//! Ingress class, and a Deployment.

use std::path::Path;

use anyhow::Result;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use ship::Kubectl;

use super::kind::Kind;

/// Karpenter's own definition, with its rules.
const NODE_POOLS: &str = include_str!("../../../k8s/schemas/karpenter.sh_nodepools.yaml");

/// The installed objects. Dropping it deletes them.
#[derive(Debug)]
pub(super) struct Installation {
    kubectl: Kubectl,
    objects: Vec<Value>,
}

impl Installation {
    pub(super) fn apply(kubectl: &Kubectl, kind: Kind, webhook: &str, ca: &Path) -> Result<Self> {
        let bindings = crd(
            kind,
            "TargetGroupBinding",
            "targetgroupbindings",
            "Namespaced",
        );
        let parameters = crd(kind, "IngressClassParams", "ingressclassparams", "Cluster");
        let mut objects = vec![
            bindings,
            parameters,
            webhook_configuration(kind, webhook, &std::fs::read(ca)?),
        ];
        match kind {
            Kind::Controller => objects.extend([deployment(), ingress_class(kind)]),
            // Auto Mode launches nodes as well.
            Kind::AutoMode => objects.push(serde_saphyr::from_str(NODE_POOLS)?),
        }
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        let installation = Self {
            kubectl: kubectl.clone(),
            objects,
        };
        kubectl.apply(&list.to_string(), &[])?;
        for plural in ["targetgroupbindings", "ingressclassparams"] {
            let crd = format!("crd/{plural}.{}", kind.group());
            kubectl.run(&["wait", "--for=condition=Established", &crd, "--timeout=1m"])?;
        }
        if kind == Kind::Controller {
            kubectl.run(&[
                "rollout",
                "status",
                "deployment/aws-load-balancer-controller",
                "-n",
                "kube-system",
                "--timeout=2m",
            ])?;
        }
        Ok(installation)
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        for object in self.objects.iter().rev() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
            let namespace = text(&object["metadata"]["namespace"]);
            let mut args = vec!["delete", &kind, &name, "--ignore-not-found", "--wait=false"];
            if !namespace.is_empty() {
                args.extend(["-n", &namespace]);
            }
            // Objects that cannot be deleted are removed with the cluster.
            let _ = self.kubectl.run(&args);
        }
    }
}

/// A definition without its schema: the API server's validation is not tested here.
fn crd(kind: Kind, name: &str, plural: &str, scope: &str) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{}", kind.group())},
        "spec": {
            "group": kind.group(),
            "scope": scope,
            "names": {"kind": name, "plural": plural},
            "versions": [{"name": kind.version(), "served": true, "storage": true, "schema": {
                "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            }}],
        },
    })
}

/// As `make cluster` installs it: the API server refuses pods while the webhook does not answer.
fn webhook_configuration(kind: Kind, url: &str, ca: &[u8]) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": format!("webhook.{}", kind.group())},
        "webhooks": [{
            "name": kind.webhook(),
            "clientConfig": {"url": url, "caBundle": BASE64_STANDARD.encode(ca)},
            "rules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                "resources": ["pods"],
            }],
            "namespaceSelector": {"matchExpressions": [
                {"key": kind.gate_label(), "operator": "In", "values": ["enabled"]},
            ]},
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }],
    })
}

/// The controller runs in the test; in the cluster, a pause container stands in for it.
fn deployment() -> Value {
    let labels = json!({"app.kubernetes.io/name": "aws-load-balancer-controller"});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "aws-load-balancer-controller", "namespace": "kube-system", "labels": labels,
        },
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "controller", "image": "registry.k8s.io/pause:3.6"}],
            }},
        },
    })
}

fn ingress_class(kind: Kind) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": "alb"},
        "spec": {"controller": kind.alb_controller()},
    })
}
