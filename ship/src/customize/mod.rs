//! The properties of one deployment, on top of an overlay that several share: its name and namespace, its
//! host name and certificate, the tags of its AWS resources, and its cluster.

mod balancer;
mod changes;
mod cluster;
mod rename;
mod tags;
mod values;

pub(crate) use changes::Changes;
pub(crate) use cluster::PLACEHOLDER;
