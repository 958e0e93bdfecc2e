//! What a deployment has of its own, on top of an overlay that several share: its name and namespace,
//! its host name and certificate, and the tags of what AWS creates for it.

mod balancer;
mod changes;
mod rename;
mod tags;
mod values;

pub(crate) use changes::Changes;
