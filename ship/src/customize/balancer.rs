//! The host name and the certificate of a deployment, on its Service or Ingress.

use serde_json::{Map, Value};

use super::values::{Certificate, Host};
use crate::endpoint::{self, HOST_ANNOTATION};
use crate::workload;

/// The annotations for an NLB's and an ALB's certificate.
const NLB_CERTIFICATE: &str = "service.beta.kubernetes.io/aws-load-balancer-ssl-cert";
const ALB_CERTIFICATE: &str = "alb.ingress.kubernetes.io/certificate-arn";

/// The Service or Ingress that has the load balancer.
pub(super) fn balancer(objects: &mut [Value]) -> Option<&mut Value> {
    let index = workload::balancer_index(objects)?;
    objects.get_mut(index)
}

/// Whether the load balancer can have a certificate.
pub(super) fn terminates_tls(objects: &mut [Value]) -> bool {
    balancer(objects).is_some_and(|balancer| endpoint::is_https(balancer))
}

/// Sets the host name, in the annotation for which `ExternalDNS` creates a record.
pub(super) fn set_host(objects: &mut [Value], host: &Host) {
    if let Some(balancer) = balancer(objects) {
        annotate(balancer, HOST_ANNOTATION, host.as_ref());
    }
}

/// Sets the certificate of a load balancer that terminates TLS.
pub(super) fn set_certificate(objects: &mut [Value], certificate: &Certificate) {
    if let Some(balancer) = balancer(objects) {
        let key = if balancer["kind"] == "Ingress" {
            ALB_CERTIFICATE
        } else {
            NLB_CERTIFICATE
        };
        annotate(balancer, key, certificate.as_ref());
    }
}

/// Sets an annotation.
pub(super) fn annotate(object: &mut Value, key: &str, value: &str) {
    let annotations = &mut object["metadata"]["annotations"];
    if annotations.is_null() {
        *annotations = Value::Object(Map::new());
    }
    annotations[key] = value.into();
}
