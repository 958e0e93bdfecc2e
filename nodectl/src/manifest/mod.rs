//! Kubernetes manifests: read from YAML, checked as a whole, and turned into what is to run.
//!
//! It knows the fields that can be honoured on one machine. Every other field of a Deployment or
//! Service is reported by its path, so that nothing is ignored silently.

mod check;
mod container;
mod expand;
mod int_or_string;
mod object;
mod pod;
mod probe;
mod quantity;
mod read;
mod workload;

pub use check::{CheckError, Desired, DesiredDeployment, DesiredService, ServicePort, check};
pub use container::{
    Capabilities, ContainerPort, ContainerSecurity, ContainerSpec, EnvSource, EnvVar, FieldRef,
    ResourceFieldRef, Resources, SeccompProfile, VolumeMount,
};
pub use expand::expand;
pub use int_or_string::IntOrString;
pub use object::{Metadata, Objects, ReadError, Warning, parse};
pub use pod::{EmptyDir, PodSecurity, PodSpec, PodTemplate, Volume};
pub use probe::{Exec, HttpGet, HttpHeader, Probe, TcpSocket};
pub use quantity::{Quantity, QuantityError};
pub use read::{Document, read_paths};
pub use workload::{Deployment, Service};
