//! Kubernetes manifests: parsed from YAML, checked as a whole, and turned into the desired state.
//!
//! Its types have the fields that are supported on one machine. Every other field is refused, or ignored
//! with a warning that names its path (`unsupported`); `object` decides that for whole kinds of objects.
//! `shape`, `nulls` and `name` parse values as the API server does, and `check` validates what was parsed.

mod capability;
mod check;
mod container;
mod desired;
mod expand;
mod int_or_string;
mod name;
mod nulls;
mod object;
mod pod;
mod probe;
mod quantity;
mod shape;
mod standard;
mod unsupported;
mod workload;

pub use capability::CapabilityName;
pub use check::{CheckError, check};
pub use container::{
    Capabilities, ContainerPort, ContainerSecurity, ContainerSpec, EnvSource, EnvVar, FieldRef,
    Protocol, PullPolicy, ResourceFieldRef, Resources, SeccompProfile, SeccompType, VolumeMount,
};
pub use desired::{Desired, DesiredDeployment, DesiredService, ServicePort};
pub use expand::expand;
pub use int_or_string::IntOrString;
pub use name::{
    AnnotationKey, DnsLabel, DnsSubdomain, EnvName, HeaderName, LabelKey, LabelValue, Labels,
    NameError, PortName,
};
pub use object::{Located, Objects, ReadError, Warning, parse};
pub use pod::{
    EmptyDir, GroupsPolicy, Medium, PodMetadata, PodSecurity, PodSpec, PodTemplate, Volume,
};
pub use probe::{Exec, Grpc, HttpGet, HttpHeader, Probe, Scheme, TcpSocket};
pub use quantity::{Quantity, QuantityError};
pub use standard::{PodStandard, PodStandardError};
pub use workload::{Deployment, Metadata, Service};
