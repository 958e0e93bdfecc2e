//! The load balancer, listener and target group that an object requests.

use std::collections::BTreeMap;

use serde_json::Value;

use super::annotations::{Annotations, CheckNames};
use super::kind::Kind;
use super::refused::Refused;
use super::times::Times;
use crate::lb::{Probe, Rules, WhenUnhealthy};

const NLB: &str = "service.beta.kubernetes.io/aws-load-balancer-";
const ALB: &str = "alb.ingress.kubernetes.io/";

/// The desired state of a load balancer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Model {
    /// The port of its listener.
    pub(super) port: u16,
    /// The ARN of the certificate, if it terminates TLS.
    pub(super) certificate: Option<String>,
    /// Requests to port 80 are redirected to `port`.
    pub(super) redirects: bool,
    /// The Service whose endpoints are its targets.
    pub(super) service: String,
    /// The name of that Service's port.
    pub(super) port_name: String,
    pub(super) rules: Rules,
}

/// The load balancer of a Service.
pub(super) fn nlb(service: &Value, kind: Kind, times: Times) -> Result<Model, Refused> {
    let annotations = Annotations::of(service, NLB, times.scale);
    // The default of Auto Mode is `ip`, and that of the controller `instance`.
    let default = match kind {
        Kind::Controller => "instance",
        Kind::AutoMode => "ip",
    };
    annotations.one_of("scheme", &["internet-facing", "internal"], "internal")?;
    annotations.one_of("ip-address-type", &["ipv4", "dualstack"], "ipv4")?;
    if annotations.one_of("nlb-target-type", &["ip", "instance"], default)? == "instance" {
        return Err(Refused::build(
            "service port has no NodePort, which instance targets need",
        ));
    }
    let probe = match annotations.one_of("healthcheck-protocol", &["tcp", "http"], "tcp")? {
        "tcp" => Some(Probe::Tcp),
        _ => None,
    };
    let names = CheckNames {
        interval: "healthcheck-interval",
        timeout: "healthcheck-timeout",
        healthy: "healthcheck-healthy-threshold",
        unhealthy: "healthcheck-unhealthy-threshold",
        codes: "healthcheck-success-codes",
    };
    let check = annotations.check(&names, (10, 6, 3, 3), probe)?;
    let group = annotations.attributes(
        "target-group-attributes",
        &[
            "deregistration_delay.timeout_seconds",
            "deregistration_delay.connection_termination.enabled",
            "preserve_client_ip.enabled",
            "proxy_protocol_v2.enabled",
            "target_health_state.unhealthy.connection_termination.enabled",
            "target_health_state.unhealthy.draining_interval_seconds",
        ],
    )?;
    let balancer = annotations.attributes(
        "attributes",
        &[
            "load_balancing.cross_zone.enabled",
            "dns_record.client_routing_policy",
            "zonal_shift.config.enabled",
        ],
    )?;
    // There is only one zone, but invalid combinations are refused.
    let cross_zone = balancer.flag("load_balancing.cross_zone.enabled", false)?;
    let zonal_shift = balancer.flag("zonal_shift.config.enabled", false)?;
    if cross_zone && zonal_shift && group.when_unhealthy()? == WhenUnhealthy::Reset {
        return Err(Refused::deploy(
            "InvalidConfigurationRequest: zonal shift with cross-zone load balancing needs \
             target_health_state.unhealthy.connection_termination.enabled=false",
        ));
    }
    let (port, port_name) = listener(service)?;
    let listener_name = format!("listener-attributes.TCP-{port}");
    let listener = annotations.attributes(&listener_name, &["tcp.idle_timeout.seconds"])?;
    let delay = "deregistration_delay";
    let rules = Rules {
        check,
        registration: times.nlb_registration(),
        deregistration_lag: times.deregistration_lag,
        when_unhealthy: group.when_unhealthy()?,
        deregistration_delay: group.seconds(
            &format!("{delay}.timeout_seconds"),
            &(0..=3600),
            300,
        )?,
        reset_after_deregistration: group
            .flag(&format!("{delay}.connection_termination.enabled"), false)?,
        idle_timeout: listener.seconds("tcp.idle_timeout.seconds", &(60..=6000), 350)?,
        proxy_protocol: proxy_protocol(&annotations, kind)?
            || group.flag("proxy_protocol_v2.enabled", false)?,
        ..Rules::nlb("/", times.scale)
    };
    Ok(Model {
        port,
        certificate: certificate(&annotations, port),
        redirects: false,
        service: name(service),
        port_name,
        rules,
    })
}

/// The load balancer of an Ingress.
pub(super) fn alb(ingress: &Value, services: &[Value], times: Times) -> Result<Model, Refused> {
    let annotations = Annotations::of(ingress, ALB, times.scale);
    annotations.one_of("scheme", &["internet-facing", "internal"], "internal")?;
    if annotations.one_of("target-type", &["ip", "instance"], "instance")? == "instance" {
        return Err(Refused::build(
            "service type must be either 'NodePort' or 'LoadBalancer' for instance targets",
        ));
    }
    let names = CheckNames {
        interval: "healthcheck-interval-seconds",
        timeout: "healthcheck-timeout-seconds",
        healthy: "healthy-threshold-count",
        unhealthy: "unhealthy-threshold-count",
        codes: "success-codes",
    };
    let check = annotations.check(&names, (15, 5, 2, 2), None)?;
    let delay = "deregistration_delay.timeout_seconds";
    let group = annotations.attributes("target-group-attributes", &[delay])?;
    let idle = "idle_timeout.timeout_seconds";
    let zonal_shift = "zonal_shift.config.enabled";
    let balancer = annotations.attributes("load-balancer-attributes", &[idle, zonal_shift])?;
    balancer.flag(zonal_shift, false)?;
    let backend = &ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"];
    let namespace = &ingress["metadata"]["namespace"];
    let service = services.iter().find(|service| {
        service["metadata"]["name"] == backend["name"]
            && service["metadata"]["namespace"] == *namespace
    });
    let missing = || Refused::build(&format!("services \"{}\" not found", backend["name"]));
    let service = service.ok_or_else(missing)?;
    let ports = service["spec"]["ports"].as_array();
    let mut ports = ports.into_iter().flatten();
    let port = ports.find(|port| port["port"] == backend["port"]["number"]);
    let rules = Rules {
        check,
        deregistration_delay: group.seconds(delay, &(0..=3600), 300)?,
        idle_timeout: balancer.seconds(idle, &(1..=4000), 60)?,
        ..Rules::alb("/", times.scale)
    };
    let certificate = annotations.get("certificate-arn").map(str::to_owned);
    let (listener, redirects) = alb_listener(&annotations, certificate.is_some())?;
    Ok(Model {
        port: listener,
        certificate,
        redirects,
        service: name(service),
        port_name: port.map(port_name).ok_or_else(missing)?,
        rules,
    })
}

/// The port that requests are served on, and whether another one redirects to it. A listener for HTTP
/// beside one for HTTPS only redirects here.
fn alb_listener(
    annotations: &Annotations<'_>,
    has_certificate: bool,
) -> Result<(u16, bool), Refused> {
    let default = if has_certificate {
        r#"[{"HTTPS": 443}]"#
    } else {
        r#"[{"HTTP": 80}]"#
    };
    let text = annotations.get("listen-ports").unwrap_or(default);
    let invalid = || {
        Refused::build(&format!(
            "failed to parse listen-ports configuration: `{text}`"
        ))
    };
    let listeners: Vec<BTreeMap<String, u16>> =
        serde_json::from_str(text).map_err(|_| invalid())?;
    let port = |protocol: &str| listeners.iter().find_map(|one| one.get(protocol)).copied();
    let redirect = annotations.get("ssl-redirect");
    let redirect = redirect.map(|port| port.parse::<u16>().map_err(|_| invalid()));
    match (port("HTTPS"), port("HTTP"), redirect.transpose()?) {
        (Some(_), _, _) if !has_certificate => Err(Refused::build(
            "no certificate found for host, and a listener is HTTPS",
        )),
        (https, _, Some(to)) if https != Some(to) => Err(Refused::build(&format!(
            "listener does not exist for SSLRedirect port: {to}"
        ))),
        (Some(https), http, redirect) => Ok((https, http == Some(80) && redirect.is_some())),
        (None, Some(http), _) => Ok((http, false)),
        (None, None, _) => Err(invalid()),
    }
}

/// The port of the listener, and the name of the Service's port.
fn listener(service: &Value) -> Result<(u16, String), Refused> {
    let port = &service["spec"]["ports"][0];
    let number = port["port"]
        .as_u64()
        .and_then(|port| u16::try_from(port).ok());
    let number = number.ok_or_else(|| Refused::build("the service has no port"))?;
    Ok((number, port_name(port)))
}

fn certificate(annotations: &Annotations<'_>, port: u16) -> Option<String> {
    let arn = annotations.get("ssl-cert")?;
    let ports = annotations.get("ssl-ports").unwrap_or("*");
    let mut ports = ports.split(',').map(str::trim);
    let listed = ports.any(|listed| listed == "*" || listed.parse() == Ok(port));
    listed.then(|| arn.to_owned())
}

fn proxy_protocol(annotations: &Annotations<'_>, kind: Kind) -> Result<bool, Refused> {
    match annotations.get("proxy-protocol") {
        Some("*") => Ok(kind.knows_proxy_protocol()),
        None => Ok(false),
        Some(other) => Err(Refused::build(&format!(
            "invalid value {other} for Load Balancer proxy protocol v2 annotation, only value \
             currently supported is *"
        ))),
    }
}

fn port_name(port: &Value) -> String {
    port["name"].as_str().unwrap_or_default().to_owned()
}

fn name(object: &Value) -> String {
    object["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::lb::Scale;

    fn service(annotations: &Value) -> Value {
        let mut service = json!({
            "metadata": {"name": "web", "annotations": {}},
            "spec": {"ports": [{"name": "http", "port": 80, "targetPort": 5000}]},
        });
        for (name, value) in annotations.as_object().unwrap() {
            service["metadata"]["annotations"][format!("{NLB}{name}")] = value.clone();
        }
        service
    }

    fn times() -> Times {
        Times::scaled(Scale(1))
    }

    #[track_caller]
    fn refused(annotations: &Value, reason: &str, message: &str) {
        let mut all = json!({"nlb-target-type": "ip"});
        all.as_object_mut()
            .unwrap()
            .extend(annotations.as_object().unwrap().clone());
        let refused = nlb(&service(&all), Kind::Controller, times()).unwrap_err();
        assert_eq!(refused.reason, reason, "{}", refused.message);
        assert!(refused.message.contains(message), "{}", refused.message);
    }

    #[test]
    fn annotations_become_the_rules_of_the_balancer() {
        let service = service(&json!({
            "nlb-target-type": "ip",
            "healthcheck-protocol": "http",
            "healthcheck-path": "/healthz",
            "healthcheck-port": "5000",
            "healthcheck-interval": "5",
            "healthcheck-timeout": "4",
            "healthcheck-success-codes": "200",
            "target-group-attributes": "deregistration_delay.timeout_seconds=210,\
                target_health_state.unhealthy.connection_termination.enabled=false,\
                target_health_state.unhealthy.draining_interval_seconds=180",
            "proxy-protocol": "*",
            "ssl-cert": "arn:aws:acm:x",
            "ssl-ports": "443",
        }));
        let model = nlb(&service, Kind::Controller, times()).unwrap();
        let rules = &model.rules;
        assert_eq!(rules.check.interval, Duration::from_secs(5));
        let probe = Probe::Http {
            path: "/healthz".to_owned(),
            codes: vec![200..=200],
        };
        assert_eq!((&rules.check.probe, rules.check.port), (&probe, Some(5000)));
        let drain = WhenUnhealthy::Drain(Duration::from_mins(3));
        assert_eq!(rules.when_unhealthy, drain);
        assert_eq!(rules.deregistration_delay, Duration::from_secs(210));
        assert!(rules.proxy_protocol);
        assert_eq!(
            model.certificate, None,
            "port 80 is not one of its TLS ports"
        );
        let auto = nlb(&service, Kind::AutoMode, times()).unwrap();
        assert!(
            !auto.rules.proxy_protocol,
            "Auto Mode ignores the annotation"
        );
    }

    #[test]
    fn an_alb_terminates_tls_and_redirects_to_it() {
        let services = [service(&json!({}))];
        let alb = |more: &Value| {
            let mut annotations = json!({format!("{ALB}target-type"): "ip"});
            for (name, value) in more.as_object().unwrap() {
                annotations[format!("{ALB}{name}")] = value.clone();
            }
            let backend = json!({"service": {"name": "web", "port": {"number": 80}}});
            let ingress = json!({"metadata": {"annotations": annotations},
                "spec": {"rules": [{"http": {"paths": [{"backend": backend}]}}]}});
            super::alb(&ingress, &services, times())
        };
        let listener = |more: &Value| {
            let model = alb(more).unwrap();
            (model.port, model.certificate.is_some(), model.redirects)
        };
        let both = r#"[{"HTTP": 80}, {"HTTPS": 443}]"#;
        assert_eq!(listener(&json!({})), (80, false, false));
        assert_eq!(
            listener(&json!({"certificate-arn": "arn"})),
            (443, true, false)
        );
        assert_eq!(
            listener(
                &json!({"certificate-arn": "arn", "listen-ports": both, "ssl-redirect": "443"})
            ),
            (443, true, true)
        );
        for (more, message) in [
            (json!({"listen-ports": both}), "no certificate found"),
            (json!({"ssl-redirect": "443"}), "SSLRedirect port: 443"),
            (
                json!({"certificate-arn": "arn", "ssl-redirect": "444"}),
                "SSLRedirect port: 444",
            ),
            (
                json!({"listen-ports": "443"}),
                "failed to parse listen-ports",
            ),
        ] {
            let refused = alb(&more).unwrap_err();
            assert!(refused.message.contains(message), "{}", refused.message);
        }
    }

    #[test]
    fn invalid_annotations_are_refused_as_by_the_controller_or_aws() {
        refused(
            &json!({"nlb-target-type": "instance"}),
            "FailedBuildModel",
            "NodePort",
        );
        refused(
            &json!({"scheme": "public"}),
            "FailedBuildModel",
            "scheme: public",
        );
        refused(
            &json!({"proxy-protocol": "true"}),
            "FailedBuildModel",
            "invalid value true",
        );
        refused(
            &json!({"healthcheck-interval": "4"}),
            "FailedDeployModel",
            "between 5 and 300",
        );
        refused(
            &json!({"healthcheck-interval": "5", "healthcheck-timeout": "5"}),
            "FailedDeployModel",
            "smaller than",
        );
        refused(
            &json!({"target-group-attributes": "draining=1"}),
            "FailedDeployModel",
            "'draining' is not recognized",
        );
        refused(
            &json!({"attributes":
                "load_balancing.cross_zone.enabled=true,zonal_shift.config.enabled=true"}),
            "FailedDeployModel",
            "zonal shift with cross-zone",
        );
        refused(
            &json!({"listener-attributes.TCP-80": "tcp.idle_timeout.seconds=5"}),
            "FailedDeployModel",
            "invalid value: 5",
        );
    }
}
