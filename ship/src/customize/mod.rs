//! What a deployment has of its own, on top of an overlay that several share: its name and namespace,
//! its host name and certificate, the tags of what AWS creates for it, and the cluster that it is in.

mod balancer;
mod changes;
mod cluster;
mod rename;
mod tags;
mod values;

pub(crate) use changes::Changes;
pub(crate) use cluster::PLACEHOLDER;
