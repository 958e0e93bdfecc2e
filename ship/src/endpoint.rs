//! The endpoint of a deployed service.

use std::fmt;

use serde_json::Value;

/// The annotation from which `ExternalDNS` reads the record's name, and `ship` the host name.
/// <https://kubernetes-sigs.github.io/external-dns/latest/docs/annotations/annotations/>
pub(crate) const HOST_ANNOTATION: &str = "external-dns.alpha.kubernetes.io/hostname";
/// Set if an ALB terminates TLS.
const ALB_CERTIFICATE: &str = "alb.ingress.kubernetes.io/certificate-arn";

/// The classes of the AWS Load Balancer Controller and EKS Auto Mode.
const NLB_CLASSES: [&str; 2] = ["service.k8s.aws/nlb", "eks.amazonaws.com/nlb"];

/// A URL, and the address to connect to if it is not the URL's host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Ends with `/`.
    pub(crate) url: String,
    /// The load balancer's own name or IP address: a record for the host name may not exist yet.
    pub(crate) connect_to: Option<String>,
    /// Whether only the VPC, and networks connected to it, can reach the load balancer.
    pub(crate) is_internal: bool,
}

impl Endpoint {
    /// The endpoint of a URL, reached by DNS.
    pub(crate) fn of_url(url: &str) -> Self {
        Self {
            url: format!("{}/", url.trim_end_matches('/')),
            connect_to: None,
            is_internal: false,
        }
    }

    /// The endpoint of a Service or an Ingress, once it has an address.
    pub(crate) fn of_balancer(balancer: &Value) -> Option<Self> {
        let address = address(balancer)?.to_owned();
        let (scheme, port) = scheme_and_port(balancer);
        let host = host(balancer);
        let name = host.as_deref().unwrap_or(&address);
        let url = match (scheme, port) {
            ("http", 80) | ("https", 443) => format!("{scheme}://{name}/"),
            _ => format!("{scheme}://{name}:{port}/"),
        };
        Some(Self {
            url,
            connect_to: host.is_some().then_some(address),
            is_internal: is_internal(balancer),
        })
    }

    /// The URL with the load balancer's own name or address.
    pub(crate) fn address_url(&self) -> String {
        match &self.connect_to {
            Some(address) => self.url.replacen(self.host(), address, 1),
            None => self.url.clone(),
        }
    }

    /// The host name of the URL.
    pub(crate) fn host(&self) -> &str {
        let rest = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or_default();
        authority.split(':').next().unwrap_or_default()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)?;
        match &self.connect_to {
            Some(address) => write!(f, " at {address}"),
            None => Ok(()),
        }
    }
}

/// The address of the load balancer, a name or an IP address.
pub(crate) fn address(balancer: &Value) -> Option<&str> {
    let ingress = &balancer["status"]["loadBalancer"]["ingress"][0];
    ingress["hostname"]
        .as_str()
        .or_else(|| ingress["ip"].as_str())
}

/// The host name that the manifests give the deployment.
pub(crate) fn host(balancer: &Value) -> Option<String> {
    let annotated = balancer["metadata"]["annotations"][HOST_ANNOTATION].as_str();
    let ruled = balancer["spec"]["rules"][0]["host"].as_str();
    let host = annotated.or(ruled)?;
    // The annotation may list several.
    Some(host.split(',').next().unwrap_or(host).trim().to_owned())
}

/// Whether the load balancer terminates TLS.
pub(crate) fn is_https(balancer: &Value) -> bool {
    scheme_and_port(balancer).0 == "https"
}

/// Whether the load balancer has no public addresses, AWS's default.
pub(crate) fn is_internal(balancer: &Value) -> bool {
    let annotation = |key: &str| balancer["metadata"]["annotations"][key].as_str();
    if balancer["kind"] == "Ingress" {
        return annotation("alb.ingress.kubernetes.io/scheme") == Some("internal");
    }
    let class = balancer["spec"]["loadBalancerClass"].as_str();
    let scheme = annotation("service.beta.kubernetes.io/aws-load-balancer-scheme");
    match scheme {
        Some(scheme) => scheme == "internal",
        None => class.is_some_and(|class| NLB_CLASSES.contains(&class)),
    }
}

fn scheme_and_port(balancer: &Value) -> (&'static str, u64) {
    if balancer["kind"] == "Ingress" {
        return match &balancer["metadata"]["annotations"][ALB_CERTIFICATE] {
            Value::String(_) => ("https", 443),
            _ => ("http", 80),
        };
    }
    match balancer["spec"]["ports"][0]["port"].as_u64() {
        Some(443) => ("https", 443),
        Some(port) => ("http", port),
        None => ("http", 80),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(balancer: Value, expected: &str) {
        let mut balancer = balancer;
        balancer["status"] = json!({"loadBalancer": {"ingress": [{"hostname": "lb.aws"}]}});
        let endpoint = Endpoint::of_balancer(&balancer).unwrap();
        assert_eq!(endpoint.to_string(), expected);
    }

    #[test]
    fn a_url_follows_from_port_certificate_and_host_name() {
        check(
            json!({"kind": "Service", "spec": {"ports": [{"port": 80}]}}),
            "http://lb.aws/",
        );
        check(
            json!({"kind": "Service", "spec": {"ports": [{"port": 8080}]}}),
            "http://lb.aws:8080/",
        );
        let annotations = json!({"annotations": {HOST_ANNOTATION: "a.example, b.example"}});
        check(
            json!({"kind": "Service", "metadata": annotations, "spec": {"ports": [{"port": 443}]}}),
            "https://a.example/ at lb.aws",
        );
        check(json!({"kind": "Ingress"}), "http://lb.aws/");
        check(
            json!({"kind": "Ingress", "spec": {"rules": [{"host": "a.example"}]},
                "metadata": {"annotations": {ALB_CERTIFICATE: "arn"}}}),
            "https://a.example/ at lb.aws",
        );
        assert_eq!(Endpoint::of_balancer(&json!({"kind": "Service"})), None);
        assert_eq!(Endpoint::of_url("http://x:1").host(), "x");
    }

    #[test]
    fn a_load_balancer_of_aws_is_internal_by_default() {
        let service = |class: &str, scheme: &Value| {
            let key = "service.beta.kubernetes.io/aws-load-balancer-scheme";
            json!({"kind": "Service", "spec": {"loadBalancerClass": class, "ports": [{"port": 80}]},
                "metadata": {"annotations": {key: scheme, HOST_ANNOTATION: "a.example"}},
                "status": {"loadBalancer": {"ingress": [{"hostname": "lb.aws"}]}}})
        };
        assert!(is_internal(&service("service.k8s.aws/nlb", &Value::Null)));
        assert!(is_internal(&service("x", &json!("internal"))));
        assert!(!is_internal(&service(
            "eks.amazonaws.com/nlb",
            &json!("internet-facing")
        )));
        assert!(!is_internal(&service("x", &Value::Null)));
        assert!(!is_internal(&json!({"kind": "Ingress"})));
        let endpoint = Endpoint::of_balancer(&service("x", &json!("internal"))).unwrap();
        assert!(endpoint.is_internal);
        assert_eq!(endpoint.address_url(), "http://lb.aws/");
    }
}
