//! Simulates the AWS Load Balancer Controller and Elastic Load Balancing for a real Kubernetes on
//! this machine.
//!
//! A Service of its class becomes a [`crate::lb::LoadBalancer`] on a loopback address, with the
//! rules that the annotations request; invalid ones are reported in an event. The Service's status
//! gets a host name, its pods are registered from `EndpointSlice`s as IP targets, and the health of
//! each target becomes the condition that its pod's readiness gate waits for. The gates are added
//! by a webhook when a pod is created, once its target group exists. An Ingress becomes a load
//! balancer at layer 7.
//!
//! A deleted Service keeps its finalizer until the load balancer is gone. Times are AWS's, divided
//! by [`crate::lb::Scale`].
//!
//! Not simulated: zones, subnets, security groups, instance targets, and changes of a listener that
//! leave its connections open.

mod annotations;
mod api;
mod authority;
mod balancer;
mod controller;
mod endpoints;
mod hosts;
mod install;
mod kind;
mod model;
mod reconcile;
mod redirect;
mod refused;
mod times;
mod webhook;

pub use authority::Authority;
pub use balancer::Certificates;
pub use controller::Controller;
pub use hosts::with_hosts;
pub use kind::Kind;
pub use times::Times;
