//! Maps ports of this machine to ports of Services.

use std::net::{Ipv4Addr, SocketAddr};

use crate::commands::error::UsageError;
use crate::manifest::{Desired, DesiredService};
use crate::publish::Publish;

/// A port of this machine that is published for a port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Published {
    pub(super) address: SocketAddr,
    pub(super) namespace: String,
    pub(super) service: String,
    pub(super) port: u16,
}

/// The ports of `--publish`, or without it each port of each `LoadBalancer` Service on the loopback
/// address.
pub(super) fn published(
    desired: &Desired,
    asked: &[Publish],
) -> Result<Vec<Published>, UsageError> {
    let all = if asked.is_empty() {
        external(desired)
    } else {
        let found = asked.iter().map(|publish| find(desired, publish));
        found.collect::<Result<_, _>>()?
    };
    for (index, one) in all.iter().enumerate() {
        // The kernel chooses a free port for 0.
        let same = |other: &&Published| other.address == one.address && one.address.port() != 0;
        if let Some(other) = all[..index].iter().find(same) {
            return Err(clash(desired, other, one, asked.is_empty()));
        }
    }
    Ok(all)
}

fn external(desired: &Desired) -> Vec<Published> {
    let external = desired.services.iter().filter(|service| service.external);
    let ports = external.flat_map(|service| {
        let ports = service.ports.iter();
        ports.map(|port| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.port));
            port_of(service, port.port, address)
        })
    });
    ports.collect()
}

fn port_of(service: &DesiredService, port: u16, address: SocketAddr) -> Published {
    Published {
        address,
        namespace: service.namespace.clone(),
        service: service.name.clone(),
        port,
    }
}

fn find(desired: &Desired, publish: &Publish) -> Result<Published, UsageError> {
    let port = publish.service_port;
    let is_meant = |service: &&DesiredService| {
        let named = publish.service.as_ref();
        let namespace = publish.namespace.as_ref();
        named.is_none_or(|name| **name == *service.name)
            && namespace.is_none_or(|namespace| **namespace == *service.namespace)
    };
    let has_port = |service: &&DesiredService| service.ports.iter().any(|of| of.port == port);
    let having: Vec<_> = desired
        .services
        .iter()
        .filter(|service| is_meant(service) && has_port(service))
        .collect();
    match having[..] {
        [service] => Ok(port_of(service, port, publish.address)),
        [] => {
            let named = [&publish.namespace, &publish.service];
            let named: Vec<_> = named.iter().filter_map(|name| name.as_deref()).collect();
            let message = if named.is_empty() {
                format!("--publish: no Service has port {port}")
            } else {
                format!(
                    "--publish: there is no Service `{}` with port {port}",
                    named.join("/")
                )
            };
            Err(UsageError::new(
                message,
                Some(&candidates(
                    desired,
                    &desired.services.iter().collect::<Vec<_>>(),
                )),
            ))
        }
        _ => {
            let message = format!("--publish: several Services have port {port}");
            Err(UsageError::new(
                message,
                Some(&format!("name one: {}", list(desired, &having, Some(port)))),
            ))
        }
    }
}

fn clash(desired: &Desired, one: &Published, other: &Published, by_default: bool) -> UsageError {
    let name = |published: &Published| {
        let of = |service: &&DesiredService| {
            service.namespace == published.namespace && service.name == published.service
        };
        let service = desired.services.iter().find(of);
        let name = service.map_or_else(String::new, |service| name_of(desired, service));
        format!("{name}:{}", published.port)
    };
    let address = one.address;
    if by_default {
        let (one, other) = (name(one), name(other));
        let message = format!("the ports {one} and {other} would both be published at {address}");
        let at = address.port();
        let next = at.checked_add(1).unwrap_or(1024);
        let hint = format!("give each its own: --publish {at}:{one} --publish {next}:{other}");
        return UsageError::new(message, Some(&hint));
    }
    UsageError::new(format!("--publish: {address} is given twice"), None)
}

/// The ports that `--publish` can name.
fn candidates(desired: &Desired, services: &[&DesiredService]) -> String {
    match list(desired, services, None) {
        list if list.is_empty() => "the manifests have no Service".to_owned(),
        list => format!("there are {list}"),
    }
}

fn list(desired: &Desired, services: &[&DesiredService], only: Option<u16>) -> String {
    let all = services.iter().flat_map(|service| {
        let ports = service.ports.iter().map(|port| port.port);
        let ports = ports.filter(|port| only.is_none_or(|only| only == *port));
        ports.map(|port| format!("{}:{port}", name_of(desired, service)))
    });
    all.collect::<Vec<_>>().join(", ")
}

/// A Service's name, with its namespace if another one has the same name.
fn name_of(desired: &Desired, service: &DesiredService) -> String {
    let namesakes = desired.services.iter().filter(|of| of.name == service.name);
    if namesakes.count() > 1 {
        format!("{}/{}", service.namespace, service.name)
    } else {
        service.name.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::manifest::{IntOrString, ServicePort};

    /// `NAMESPACE/NAME:PORT` of `LoadBalancer` Services.
    fn desired(services: &[(&str, &str, u16)]) -> Desired {
        let service = |(namespace, name, port): &(&str, &str, u16)| DesiredService {
            namespace: (*namespace).to_owned(),
            name: (*name).to_owned(),
            external: true,
            selector: BTreeMap::new(),
            ports: vec![ServicePort {
                port: *port,
                target: IntOrString::Int(5000),
            }],
        };
        Desired {
            services: services.iter().map(service).collect(),
            ..Desired::default()
        }
    }

    fn ask(desired: &Desired, asked: &[&str]) -> Result<Vec<String>, String> {
        let asked: Vec<_> = asked.iter().map(|text| text.parse().unwrap()).collect();
        let text = |one: &Published| {
            format!(
                "{} {}/{}:{}",
                one.address, one.namespace, one.service, one.port
            )
        };
        match published(desired, &asked) {
            Ok(all) => Ok(all.iter().map(text).collect()),
            Err(error) => Err(format!(
                "{}; {}",
                error.message,
                error.hint.unwrap_or_default()
            )),
        }
    }

    #[test]
    fn a_port_is_published_for_the_named_service() {
        let shops = desired(&[("a", "web", 80), ("b", "web", 80), ("a", "admin", 81)]);
        let ok = |asked: &str, expected: &str| {
            assert_eq!(ask(&shops, &[asked]).unwrap(), [expected], "{asked}");
        };
        ok("0:b/web:80", "127.0.0.1:0 b/web:80");
        ok("0:81", "127.0.0.1:0 a/admin:81");
        ok("0:admin:81", "127.0.0.1:0 a/admin:81");
        let both = ask(&shops, &["8080:a/web:80", "8081:b/web:80"]).unwrap();
        assert_eq!(both, ["127.0.0.1:8080 a/web:80", "127.0.0.1:8081 b/web:80"]);
        let refused = |asked: &[&str], expected: &str| {
            assert_eq!(ask(&shops, asked).unwrap_err(), expected);
        };
        let several = "--publish: several Services have port 80; name one: a/web:80, b/web:80";
        refused(&["0:80"], several);
        refused(&["0:web:80"], several);
        let all = "there are a/web:80, b/web:80, admin:81";
        refused(
            &["0:82"],
            &format!("--publish: no Service has port 82; {all}"),
        );
        let none = "--publish: there is no Service `c/web` with port 80";
        refused(&["0:c/web:80"], &format!("{none}; {all}"));
        refused(
            &["8080:81", "8080:a/web:80"],
            "--publish: 127.0.0.1:8080 is given twice; ",
        );
        let nothing = ask(&desired(&[]), &["0:80"]).unwrap_err();
        assert!(
            nothing.ends_with("the manifests have no Service"),
            "{nothing}"
        );
    }

    #[test]
    fn two_load_balancers_with_one_port_must_be_distinguished() {
        let one = desired(&[("a", "web", 80), ("a", "api", 8080)]);
        let ports = ["127.0.0.1:80 a/web:80", "127.0.0.1:8080 a/api:8080"];
        assert_eq!(ask(&one, &[]).unwrap(), ports);
        let two = desired(&[("a", "web", 80), ("b", "web", 80)]);
        assert_eq!(
            ask(&two, &[]).unwrap_err(),
            "the ports a/web:80 and b/web:80 would both be published at 127.0.0.1:80; give each its own: \
             --publish 80:a/web:80 --publish 81:b/web:80"
        );
    }
}
