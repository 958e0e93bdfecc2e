//! Checks a pod template against the Pod Security Standard that its namespace enforces, as the API server's
//! admission checks the pods. What is refused in every pod here is not checked again.
//!
//! <https://kubernetes.io/docs/concepts/security/pod-security-standards/>

use oci_spec::runtime::Capability;
use serde_json::Value;

use super::pod::{APPARMOR_ANNOTATION, SPEC};
use super::problems::Problems;
use crate::manifest::container::{SeccompProfile, SeccompType};
use crate::manifest::{
    CapabilityName, ContainerSecurity, ContainerSpec, PodStandard, PodTemplate, Probe,
};

/// The capabilities that `baseline` allows to add.
const BASELINE: [Capability; 13] = [
    Capability::AuditWrite,
    Capability::Chown,
    Capability::DacOverride,
    Capability::Fowner,
    Capability::Fsetid,
    Capability::Kill,
    Capability::Mknod,
    Capability::NetBindService,
    Capability::Setfcap,
    Capability::Setgid,
    Capability::Setpcap,
    Capability::Setuid,
    Capability::SysChroot,
];

/// The capabilities that `restricted` allows to add.
const RESTRICTED: [Capability; 1] = [Capability::NetBindService];

/// Adds a problem for each field that violates the standard of the namespace. `raw` is the template as
/// written, with the fields that its type does not have.
pub(super) fn check(
    namespace: &str,
    standard: PodStandard,
    template: &PodTemplate,
    raw: &Value,
    problems: &mut Problems,
) {
    let mut found = Violations {
        standard,
        reason: format!(
            "the Namespace `{namespace}` enforces the Pod Security Standard `{standard}`"
        ),
        problems,
    };
    if standard >= PodStandard::Baseline {
        found.baseline(template, raw);
    }
    if standard >= PodStandard::Restricted {
        found.restricted(template);
    }
}

/// The containers with their paths.
fn containers(template: &PodTemplate) -> impl Iterator<Item = (String, &ContainerSpec)> {
    let containers = template.spec.containers.iter().enumerate();
    containers.map(|(index, spec)| (format!("{SPEC}.containers[{index}]"), spec))
}

fn is_unconfined(profile: Option<&SeccompProfile>) -> bool {
    profile.is_some_and(|profile| profile.kind == SeccompType::Unconfined)
}

struct Violations<'a> {
    standard: PodStandard,
    reason: String,
    problems: &'a mut Problems,
}

impl Violations<'_> {
    fn add(&mut self, path: &str, field: &str, must: &str) {
        let problem = format!("{must}: {}", self.reason);
        self.problems.add(&format!("{path}.{field}"), problem);
    }

    fn baseline(&mut self, template: &PodTemplate, raw: &Value) {
        for (key, profile) in &template.metadata.annotations {
            if key.starts_with(APPARMOR_ANNOTATION) && profile == "unconfined" {
                let field = format!("annotations[{key}]");
                self.add("spec.template.metadata", &field, "must not be unconfined");
            }
        }
        self.profiles(
            SPEC,
            template.spec.security_context.seccomp_profile.as_ref(),
            &raw["spec"],
        );
        for (index, (path, spec)) in containers(template).enumerate() {
            let security = &spec.security_context;
            let raw = &raw["spec"]["containers"][index];
            self.profiles(&path, security.seccomp_profile.as_ref(), raw);
            let allowed = match self.standard {
                PodStandard::Restricted => &RESTRICTED[..],
                PodStandard::Privileged | PodStandard::Baseline => &BASELINE,
            };
            self.added(&path, security, allowed);
            self.hosts(&path, spec);
        }
    }

    /// A pod or container must not disable a security profile.
    fn profiles(&mut self, path: &str, seccomp: Option<&SeccompProfile>, raw: &Value) {
        let must = "must not be Unconfined";
        if is_unconfined(seccomp) {
            self.add(path, "securityContext.seccompProfile.type", must);
        }
        if raw["securityContext"]["appArmorProfile"]["type"] == "Unconfined" {
            self.add(path, "securityContext.appArmorProfile.type", must);
        }
    }

    fn added(&mut self, path: &str, security: &ContainerSecurity, allowed: &[Capability]) {
        for name in &security.capabilities.add {
            if !matches!(name, CapabilityName::One(one) if allowed.contains(one)) {
                let must = format!("must not have {name}");
                self.add(path, "securityContext.capabilities.add", &must);
            }
        }
    }

    /// A probe of another host reaches what the pod cannot.
    fn hosts(&mut self, path: &str, spec: &ContainerSpec) {
        let probes = [
            ("livenessProbe", &spec.liveness_probe),
            ("readinessProbe", &spec.readiness_probe),
            ("startupProbe", &spec.startup_probe),
        ];
        for (field, probe) in probes {
            let Some(Probe {
                http_get,
                tcp_socket,
                ..
            }) = probe
            else {
                continue;
            };
            if http_get.as_ref().is_some_and(|http| http.host.is_some()) {
                self.add(path, &format!("{field}.httpGet.host"), "must not be set");
            }
            if tcp_socket.as_ref().is_some_and(|tcp| tcp.host.is_some()) {
                self.add(path, &format!("{field}.tcpSocket.host"), "must not be set");
            }
        }
    }

    fn restricted(&mut self, template: &PodTemplate) {
        let pod = &template.spec.security_context;
        let not_root = "must not be 0";
        if pod.run_as_user == Some(0) {
            self.add(SPEC, "securityContext.runAsUser", not_root);
        }
        for (path, spec) in containers(template) {
            let own = &spec.security_context;
            if own.allow_privilege_escalation != Some(false) {
                self.add(
                    &path,
                    "securityContext.allowPrivilegeEscalation",
                    "must be false",
                );
            }
            if !own.capabilities.drop.contains(&CapabilityName::All) {
                self.add(&path, "securityContext.capabilities.drop", "must have ALL");
            }
            if own.run_as_non_root.or(pod.run_as_non_root) != Some(true) {
                self.add(&path, "securityContext.runAsNonRoot", "must be true");
            }
            if own.run_as_user == Some(0) {
                self.add(&path, "securityContext.runAsUser", not_root);
            }
            if own.seccomp_profile.is_none() && pod.seccomp_profile.is_none() {
                let must = "must be RuntimeDefault";
                self.add(&path, "securityContext.seccompProfile.type", must);
            }
        }
    }
}
