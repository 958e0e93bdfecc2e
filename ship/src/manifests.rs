//! The rendered overlay, and the names in it that the commands need.

use cli::{Exit, ExitError};
use serde_json::Value;
use thiserror::Error;

use crate::args::Overlay;
use crate::customize::PLACEHOLDER;
use crate::endpoint::{self, HOST_ANNOTATION};
use crate::kubectl::{of_kind, text};
use crate::kustomize::{self, KustomizeError};
use crate::workload;

/// The component with which a load balancer terminates TLS.
const TLS_COMPONENT: &str = "tls";
/// The suffix of the label by which a namespace enables readiness gates. The AWS Load Balancer Controller
/// and EKS Auto Mode have different prefixes.
const GATE_LABEL: &str = "/pod-readiness-gate-inject";

/// Why manifests cannot be deployed.
#[derive(Debug, Error)]
pub(crate) enum ManifestError {
    /// The overlay was not rendered.
    #[error(transparent)]
    Kustomize(#[from] KustomizeError),
    /// A placeholder was not replaced.
    #[error("{folder} still contains the placeholder {PLACEHOLDER}: `{line}`")]
    Placeholder {
        /// The overlay.
        folder: String,
        /// The line with it.
        line: String,
    },
    /// A required object is missing.
    #[error("{folder} has no {kind}")]
    Missing {
        /// The overlay.
        folder: String,
        /// Its kind.
        kind: &'static str,
    },
    /// TLS without a host name: no certificate covers the load balancer's own name.
    #[error("{folder} serves HTTPS and has no host name")]
    NoHost {
        /// The overlay.
        folder: String,
    },
    /// The manifests are not YAML.
    #[error("{folder}: invalid YAML")]
    Yaml {
        /// The overlay.
        folder: String,
        /// The parser's error.
        source: serde_saphyr::Error,
    },
}

impl ExitError for ManifestError {
    fn exit(&self) -> Exit {
        match self {
            Self::Kustomize(error) => error.exit(),
            Self::Placeholder { .. }
            | Self::Missing { .. }
            | Self::NoHost { .. }
            | Self::Yaml { .. } => Exit::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Kustomize(error) => error.hint(),
            Self::Placeholder { line, .. } => Some(placeholder_hint(line).to_owned()),
            Self::NoHost { .. } => Some(format!(
                "add the annotation `{HOST_ANNOTATION}` with the name that the certificate covers"
            )),
            Self::Missing { .. } | Self::Yaml { .. } => None,
        }
    }
}

/// The setting of `make` that replaces a placeholder.
fn placeholder_hint(line: &str) -> &'static str {
    let has = |text: &str| line.contains(text);
    if has(HOST_ANNOTATION) {
        "HOST=hello.example.com (--host) sets it, to the name that the certificate covers"
    } else if has("arn:aws:acm:") {
        "CERTIFICATE=arn:aws:acm:… (--certificate) sets it"
    } else if has("cluster-name: ") || has("KarpenterNodeRole-") {
        "CLUSTER=hello (--cluster) sets it"
    } else {
        "set it in the component's own file, below k8s/components"
    }
}

/// The names of the deployed objects.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) namespace: String,
    pub(crate) deployment: String,
    /// `Ingress` if there is one, otherwise `Service`.
    pub(crate) balancer_kind: &'static str,
    /// Empty if there is none.
    pub(crate) balancer: String,
    /// Whether the namespace enables readiness gates: a pod is then ready once it passes the load
    /// balancer's health check.
    pub(crate) gated: bool,
    /// Whether only the VPC can reach the load balancer.
    pub(crate) internal: bool,
    /// Whether the load balancer terminates TLS.
    pub(crate) https: bool,
    /// The selector of the Deployment and the Service, in kubectl's format.
    pub(crate) selector: String,
}

/// An overlay, rendered.
#[derive(Clone, Debug)]
pub(crate) struct Manifests {
    /// kustomize's output.
    pub(crate) yaml: String,
    pub(crate) objects: Vec<Value>,
    pub(crate) target: Target,
    /// The Deployments that are not behind the load balancer, such as those of workers.
    pub(crate) others: Vec<Target>,
}

impl Manifests {
    /// Renders an overlay, with the components and the changes of the command line.
    pub(crate) fn render(overlay: &Overlay) -> Result<Self, ManifestError> {
        let name = overlay.folder.display().to_string();
        let kustomization = kustomize::Overlay::read(&overlay.folder)?;
        let mut components = overlay.components.clone();
        let mut yaml = kustomization.render(&components)?;
        let mut objects = read(&name, &yaml)?;
        if overlay.changes.needs_tls(&mut objects) {
            components.push(TLS_COMPONENT.to_owned());
            yaml = kustomization.render(&components)?;
            objects = read(&name, &yaml)?;
        }
        if overlay.changes.apply(&mut objects) {
            yaml = kustomize::print(&objects)?;
        }
        Self::parse(&name, yaml)
    }

    /// Reads manifests. `folder` is for the errors.
    pub(crate) fn parse(folder: &str, yaml: String) -> Result<Self, ManifestError> {
        if let Some(line) = yaml.lines().find(|line| line.contains(PLACEHOLDER)) {
            return Err(ManifestError::Placeholder {
                folder: folder.to_owned(),
                line: line.trim().to_owned(),
            });
        }
        let objects = read(folder, &yaml)?;
        let target = Target::of(folder, &objects)?;
        let others = target.others(&objects);
        Ok(Self {
            yaml,
            objects,
            target,
            others,
        })
    }

    /// All Deployments, first that of the service.
    pub(crate) fn deployments(&self) -> impl Iterator<Item = &Target> {
        std::iter::once(&self.target).chain(&self.others)
    }
}

fn read(folder: &str, yaml: &str) -> Result<Vec<Value>, ManifestError> {
    serde_saphyr::from_multiple(yaml).map_err(|source| ManifestError::Yaml {
        folder: folder.to_owned(),
        source,
    })
}

impl Target {
    fn of(folder: &str, objects: &[Value]) -> Result<Self, ManifestError> {
        let missing = |kind: &'static str| ManifestError::Missing {
            folder: folder.to_owned(),
            kind,
        };
        let deployment = workload::deployment(objects).ok_or_else(|| missing("Deployment"))?;
        let balancer = workload::balancer(objects).ok_or_else(|| missing("Service"))?;
        let balancer_kind = if balancer["kind"] == "Ingress" {
            "Ingress"
        } else {
            "Service"
        };
        if endpoint::is_https(balancer) && endpoint::host(balancer).is_none() {
            return Err(ManifestError::NoHost {
                folder: folder.to_owned(),
            });
        }
        let labels = of_kind(objects, "Namespace")
            .filter_map(|namespace| namespace["metadata"]["labels"].as_object())
            .flatten();
        let gated = labels
            .filter(|(key, _)| key.ends_with(GATE_LABEL))
            .any(|(_, value)| value == "enabled");
        Ok(Self {
            namespace: namespace(deployment),
            deployment: name(deployment),
            balancer_kind,
            balancer: name(balancer),
            gated,
            internal: endpoint::is_internal(balancer),
            https: endpoint::is_https(balancer),
            selector: selector(deployment),
        })
    }

    /// The other Deployments. They have no load balancer that is waited for, and thus no readiness gates.
    fn others(&self, objects: &[Value]) -> Vec<Self> {
        let deployments = of_kind(objects, "Deployment").map(|deployment| Self {
            namespace: namespace(deployment),
            deployment: name(deployment),
            balancer: String::new(),
            gated: false,
            selector: selector(deployment),
            ..self.clone()
        });
        let is_other = |other: &Self| {
            (&other.deployment, &other.namespace) != (&self.deployment, &self.namespace)
        };
        deployments.filter(is_other).collect()
    }

    /// The namespace of an object; if it has none, as those of the whole cluster, this one.
    pub(crate) fn namespace_of<'a>(&'a self, object: &'a Value) -> &'a str {
        let namespace = object["metadata"]["namespace"].as_str();
        namespace.unwrap_or(&self.namespace)
    }

    /// `NAME in NAMESPACE`, for people.
    pub(crate) fn name(&self) -> String {
        format!("{} in {}", self.deployment, self.namespace)
    }

    /// `service/NAME` or `ingress/NAME`, for kubectl and for people.
    pub(crate) fn balancer_name(&self) -> String {
        format!("{}/{}", self.balancer_kind.to_lowercase(), self.balancer)
    }
}

fn name(object: &Value) -> String {
    text(&object["metadata"]["name"])
}

fn namespace(object: &Value) -> String {
    let namespace = object["metadata"]["namespace"].as_str();
    namespace.unwrap_or("default").to_owned()
}

fn selector(deployment: &Value) -> String {
    let labels = deployment["spec"]["selector"]["matchLabels"].as_object();
    let pairs = labels.into_iter().flatten();
    let pairs = pairs.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
    pairs.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPLOYMENT: &str = "kind: Deployment\nmetadata: {name: a, namespace: ns}\n";

    fn parse(more: &str) -> Result<Manifests, ManifestError> {
        Manifests::parse("k8s", format!("{DEPLOYMENT}---\n{more}"))
    }

    #[test]
    fn a_placeholder_is_refused() {
        let error = parse("kind: Service\nmetadata: {name: fs-REPLACE-ME}\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "k8s still contains the placeholder REPLACE-ME: `metadata: {name: fs-REPLACE-ME}`"
        );
        assert!(error.hint().unwrap().contains("k8s/components"));
    }

    #[test]
    fn an_ingress_takes_precedence_over_the_service() {
        let service = "kind: Service\nmetadata: {name: s}\n";
        let target = parse(service).unwrap().target;
        assert_eq!(target.balancer_name(), "service/s");
        assert_eq!(
            (target.namespace.as_str(), target.deployment.as_str()),
            ("ns", "a")
        );
        let ingress = format!("{service}---\nkind: Ingress\nmetadata: {{name: i}}\n");
        assert_eq!(parse(&ingress).unwrap().target.balancer_name(), "ingress/i");
        let missing = Manifests::parse("k8s", DEPLOYMENT.to_owned()).unwrap_err();
        assert_eq!(missing.to_string(), "k8s has no Service");
    }

    #[test]
    fn deployments_that_are_not_behind_the_load_balancer_have_neither_gates_nor_an_address() {
        let gates = "kind: Namespace\nmetadata: {labels: {elbv2.k8s.aws/pod-readiness-gate-inject: enabled}}\n";
        let worker = "kind: Deployment\nmetadata: {name: worker, namespace: jobs}\n\
                      spec: {selector: {matchLabels: {app: worker}}}\n";
        let service = "kind: Service\nmetadata: {name: s}\n";
        let manifests = parse(&[gates, worker, service].join("---\n")).unwrap();
        let all: Vec<_> = manifests.deployments().collect();
        let names: Vec<_> = all
            .iter()
            .map(|target| (target.name(), target.gated))
            .collect();
        let expected = [("a in ns", true), ("worker in jobs", false)];
        assert_eq!(
            names,
            expected.map(|(name, gated)| (name.to_owned(), gated))
        );
        assert_eq!(
            (all[1].selector.as_str(), all[1].balancer.as_str()),
            ("app=worker", "")
        );
    }

    #[test]
    fn https_needs_a_host_name() {
        let tls = |annotations: &str| {
            parse(&format!(
                "kind: Service\nmetadata: {{name: s{annotations}}}\nspec: {{ports: [{{port: 443}}]}}\n"
            ))
        };
        assert!(matches!(tls(""), Err(ManifestError::NoHost { .. })));
        tls(&format!(", annotations: {{{HOST_ANNOTATION}: a.example}}")).unwrap();
    }

    #[test]
    fn a_namespace_enables_gates_by_either_label() {
        let service = "kind: Service\nmetadata: {name: s}\n---\n";
        for (labels, gated) in [
            ("elbv2.k8s.aws/pod-readiness-gate-inject: enabled", true),
            ("eks.amazonaws.com/pod-readiness-gate-inject: enabled", true),
            ("elbv2.k8s.aws/pod-readiness-gate-inject: disabled", false),
            ("other: enabled", false),
        ] {
            let namespace = format!("kind: Namespace\nmetadata: {{labels: {{{labels}}}}}\n");
            let manifests = parse(&format!("{service}{namespace}")).unwrap();
            assert_eq!(manifests.target.gated, gated, "{labels}");
        }
    }
}
