//! The unsupported fields, each with its rule.

use self::Rule::{Ignored, Refused, Silent};

/// The rule for an unsupported field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// It is ignored without a warning.
    Silent,
    /// It is ignored with a warning.
    Ignored,
    /// It is refused, with the reason.
    Refused(&'static str),
}

/// A field's path, in which `[]` stands for an index, and its rule.
pub(super) type Entry = (&'static str, Rule);

const SECRETS: Rule = Refused("ConfigMaps and Secrets are not supported here");
const HOST: Rule = Refused("pods do not share the host's namespaces here");
const PROFILE: Rule = Refused("this security profile cannot be applied here");
const DISK: Rule = Refused("only emptyDir volumes are supported here");

/// Fields of the metadata of every object.
pub(super) const METADATA: [Entry; 12] = [
    ("metadata.creationTimestamp", Silent),
    ("metadata.deletionGracePeriodSeconds", Silent),
    ("metadata.deletionTimestamp", Silent),
    ("metadata.finalizers", Ignored),
    (
        "metadata.generateName",
        Refused("generated names are not supported here"),
    ),
    ("metadata.generation", Silent),
    ("metadata.managedFields", Silent),
    ("metadata.ownerReferences", Silent),
    ("metadata.resourceVersion", Silent),
    ("metadata.selfLink", Silent),
    ("metadata.uid", Silent),
    ("status", Silent),
];

/// Fields of a Deployment outside its pod template.
pub(super) const DEPLOYMENT: [Entry; 1] = [(
    "spec.paused",
    Refused("a paused Deployment would never roll out"),
)];

/// Fields of a Service.
pub(super) const SERVICE: [Entry; 18] = [
    ("spec.allocateLoadBalancerNodePorts", Silent),
    ("spec.clusterIPs", Silent),
    (
        "spec.externalIPs",
        Refused("use --publish to listen on an address"),
    ),
    ("spec.externalName", Ignored),
    ("spec.externalTrafficPolicy", Silent),
    ("spec.healthCheckNodePort", Ignored),
    ("spec.internalTrafficPolicy", Silent),
    ("spec.ipFamilies", Ignored),
    ("spec.ipFamilyPolicy", Ignored),
    ("spec.loadBalancerClass", Ignored),
    ("spec.loadBalancerIP", Ignored),
    (
        "spec.loadBalancerSourceRanges",
        Refused("client addresses are not filtered here"),
    ),
    ("spec.ports[].appProtocol", Silent),
    ("spec.ports[].nodePort", Ignored),
    (
        "spec.publishNotReadyAddresses",
        Refused("only ready pods get connections here"),
    ),
    (
        "spec.sessionAffinity",
        Refused("only None is supported here"),
    ),
    ("spec.sessionAffinityConfig", Ignored),
    ("spec.trafficDistribution", Silent),
];

/// Fields of a pod template.
pub(super) const POD: [Entry; 41] = [
    (
        "activeDeadlineSeconds",
        Refused("a Deployment's pods cannot have it"),
    ),
    ("affinity", Ignored),
    ("automountServiceAccountToken", Ignored),
    (
        "dnsConfig",
        Refused("pods have the machine's resolv.conf here"),
    ),
    (
        "dnsPolicy",
        Refused("pods have the machine's resolv.conf here"),
    ),
    ("enableServiceLinks", Ignored),
    (
        "ephemeralContainers",
        Refused("a Deployment's pods cannot have them"),
    ),
    (
        "hostAliases",
        Refused("entries of /etc/hosts are not supported here"),
    ),
    ("hostIPC", HOST),
    ("hostNetwork", HOST),
    ("hostPID", HOST),
    (
        "hostUsers",
        Refused("user namespaces are not supported here"),
    ),
    (
        "hostname",
        Refused("a pod's host name is its own name here"),
    ),
    (
        "hostnameOverride",
        Refused("a pod's host name is its own name here"),
    ),
    ("imagePullSecrets", Ignored),
    (
        "initContainers",
        Refused("init containers are not supported here"),
    ),
    ("nodeName", Ignored),
    ("nodeSelector", Ignored),
    ("os", Refused("only linux is supported here")),
    ("overhead", Ignored),
    ("preemptionPolicy", Ignored),
    ("priority", Ignored),
    ("priorityClassName", Ignored),
    (
        "readinessGates",
        Refused("nothing sets conditions of pods here"),
    ),
    ("resourceClaims", Refused("devices are not supported here")),
    (
        "resources",
        Refused("only limits of containers are supported here"),
    ),
    ("runtimeClassName", Refused("only runc is supported here")),
    ("schedulerName", Ignored),
    (
        "schedulingGates",
        Refused("nothing removes a scheduling gate here"),
    ),
    ("schedulingGroup", Ignored),
    ("securityContext.appArmorProfile", PROFILE),
    ("securityContext.fsGroupChangePolicy", Ignored),
    ("securityContext.seLinuxChangePolicy", Ignored),
    ("securityContext.seLinuxOptions", PROFILE),
    (
        "securityContext.sysctls",
        Refused("kernel parameters are not supported here"),
    ),
    ("securityContext.windowsOptions", PROFILE),
    ("serviceAccount", Ignored),
    (
        "setHostnameAsFQDN",
        Refused("a pod's host name is its own name here"),
    ),
    (
        "shareProcessNamespace",
        Refused("containers do not share processes here"),
    ),
    ("subdomain", Ignored),
    ("tolerations", Ignored),
];

/// More fields of a pod template, in lists; the others are in [`POD`].
pub(super) const POD_LISTS: [Entry; 31] = [
    ("topologySpreadConstraints", Ignored),
    ("volumes[].awsElasticBlockStore", DISK),
    ("volumes[].azureDisk", DISK),
    ("volumes[].azureFile", DISK),
    ("volumes[].cephfs", DISK),
    ("volumes[].cinder", DISK),
    ("volumes[].configMap", DISK),
    ("volumes[].csi", DISK),
    ("volumes[].downwardAPI", DISK),
    ("volumes[].ephemeral", DISK),
    ("volumes[].fc", DISK),
    ("volumes[].flexVolume", DISK),
    ("volumes[].flocker", DISK),
    ("volumes[].gcePersistentDisk", DISK),
    ("volumes[].gitRepo", DISK),
    ("volumes[].glusterfs", DISK),
    ("volumes[].hostPath", DISK),
    ("volumes[].image", DISK),
    ("volumes[].iscsi", DISK),
    ("volumes[].nfs", DISK),
    ("volumes[].persistentVolumeClaim", DISK),
    ("volumes[].photonPersistentDisk", DISK),
    ("volumes[].portworxVolume", DISK),
    ("volumes[].projected", DISK),
    ("volumes[].quobyte", DISK),
    ("volumes[].rbd", DISK),
    ("volumes[].scaleIO", DISK),
    ("volumes[].secret", DISK),
    ("volumes[].storageos", DISK),
    ("volumes[].vsphereVolume", DISK),
    ("workloadRef", Ignored),
];

/// Fields of a container.
pub(super) const CONTAINER: [Entry; 26] = [
    ("env[].valueFrom.configMapKeyRef", SECRETS),
    (
        "env[].valueFrom.fieldRef.apiVersion",
        Refused("only v1 is supported here"),
    ),
    ("env[].valueFrom.fileKeyRef", SECRETS),
    ("env[].valueFrom.secretKeyRef", SECRETS),
    ("envFrom", SECRETS),
    (
        "lifecycle",
        Refused("lifecycle hooks are not supported here"),
    ),
    ("ports[].hostIP", Ignored),
    (
        "ports[].hostPort",
        Refused("use --publish to listen on a port of this machine"),
    ),
    ("resizePolicy", Ignored),
    (
        "resources.claims",
        Refused("devices are not supported here"),
    ),
    ("restartPolicy", Refused("only Always is supported here")),
    (
        "restartPolicyRules",
        Refused("only Always is supported here"),
    ),
    ("securityContext.appArmorProfile", PROFILE),
    (
        "securityContext.procMount",
        Refused("only Default is supported here"),
    ),
    ("securityContext.seLinuxOptions", PROFILE),
    ("securityContext.windowsOptions", PROFILE),
    ("stdin", Refused("containers have no standard input here")),
    (
        "stdinOnce",
        Refused("containers have no standard input here"),
    ),
    ("terminationMessagePath", Ignored),
    ("terminationMessagePolicy", Ignored),
    ("tty", Refused("containers have no terminal here")),
    ("volumeDevices", DISK),
    (
        "volumeMounts[].mountPropagation",
        Refused("only None is supported here"),
    ),
    (
        "volumeMounts[].recursiveReadOnly",
        Refused("only Disabled is supported here"),
    ),
    (
        "volumeMounts[].subPath",
        Refused("only whole volumes are supported here"),
    ),
    (
        "volumeMounts[].subPathExpr",
        Refused("only whole volumes are supported here"),
    ),
];
