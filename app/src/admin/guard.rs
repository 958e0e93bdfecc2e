//! Protects the admin listener from web pages. While a user forwards its port, any page in the user's browser
//! could otherwise change the faults: with a cross-origin request, or by rebinding a host name of its own to
//! 127.0.0.1.

use std::net::IpAddr;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{HOST, ORIGIN};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, http::uri::Authority};

use super::response::refuse;
use crate::shared::Shared;

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// There is not exactly one valid Host.
    Host,
    /// The Host is not a name of this listener.
    Misdirected,
    /// A page of another origin sent it.
    CrossOrigin,
}

impl Refusal {
    const fn status(self) -> StatusCode {
        match self {
            Self::Host => StatusCode::BAD_REQUEST,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::CrossOrigin => StatusCode::FORBIDDEN,
        }
    }

    const fn detail(self) -> &'static str {
        match self {
            Self::Host => {
                "the request needs exactly one Host header: a host, and optionally a port"
            }
            Self::Misdirected => {
                "the Host header is neither an address, nor localhost, nor in APP_ADMIN_HOSTS"
            }
            Self::CrossOrigin => "the request comes from a page of another origin",
        }
    }
}

/// Serves the request, or refuses it by its Host and Origin.
///
/// # Errors
/// Those of the service.
pub(crate) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let shared = request.app_data::<Data<Shared>>();
    let hosts = shared.map_or(&[][..], |shared| &shared.settings.admin_hosts);
    match check(&request, hosts) {
        Ok(()) => Ok(next.call(request).await?.map_into_boxed_body()),
        Err(refusal) => {
            let response = refuse(refusal.status(), refusal.detail());
            Ok(request.into_response(response))
        }
    }
}

fn check(request: &ServiceRequest, hosts: &[String]) -> Result<(), Refusal> {
    let mut named = request.headers().get_all(HOST);
    let host = match (named.next(), named.next()) {
        (Some(host), None) => host.to_str().map_err(|_| Refusal::Host)?,
        _ => return Err(Refusal::Host),
    };
    // A target in absolute form replaces the header (RFC 9112 §3.2.2), so both are checked.
    let target = request.uri().authority().map(Authority::as_str);
    for authority in [Some(host), target].into_iter().flatten() {
        if !is_ours(authority, hosts)? {
            return Err(Refusal::Misdirected);
        }
    }
    let mut origins = request.headers().get_all(ORIGIN);
    let is_own = |origin: &str| {
        origin
            .strip_prefix("http://")
            .is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    };
    if origins.all(|origin| origin.to_str().is_ok_and(is_own)) {
        Ok(())
    } else {
        Err(Refusal::CrossOrigin)
    }
}

/// Whether no page can have chosen the name: an address, `localhost`, or one of `hosts`.
fn is_ours(authority: &str, hosts: &[String]) -> Result<bool, Refusal> {
    let authority: Authority = authority.parse().map_err(|_| Refusal::Host)?;
    let host = authority.host();
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let has_port = authority.port().is_some_and(|port| is_port(port.as_str()));
    let has_user = authority.as_str().contains('@');
    if host.is_empty() || has_user || (authority.as_str() != host && !has_port) {
        return Err(Refusal::Host);
    }
    let address = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    Ok(address.parse::<IpAddr>().is_ok()
        || host.eq_ignore_ascii_case("localhost")
        || hosts.iter().any(|known| known.eq_ignore_ascii_case(host)))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn check(headers: &[(&'static str, &str)], expected: Result<(), Refusal>) {
        let mut request = TestRequest::default();
        for header in headers {
            request = request.append_header(*header);
        }
        let hosts = ["metrics.example".to_owned()];
        let request = request.to_srv_request();
        assert_eq!(super::check(&request, &hosts), expected, "{headers:?}");
    }

    #[test]
    fn addresses_localhost_and_configured_names_are_served() {
        for host in [
            "127.0.0.1:9090",
            "10.1.2.3",
            "[::1]:9090",
            "localhost",
            "LOCALHOST:1",
            "metrics.example:9090",
        ] {
            check(&[("host", host)], Ok(()));
        }
    }

    #[test]
    fn other_names_are_misdirected() {
        for host in ["rebound.example", "localhost.example:9090", "x127.0.0.1"] {
            check(&[("host", host)], Err(Refusal::Misdirected));
        }
    }

    #[test]
    fn one_valid_host_is_needed() {
        check(&[], Err(Refusal::Host));
        check(&[("host", "a"), ("host", "a")], Err(Refusal::Host));
        for host in [
            "",
            ":80",
            "a b",
            "localhost:x",
            "localhost:+1",
            "user@localhost",
            "u:p@localhost:80",
            "a/b",
        ] {
            check(&[("host", host)], Err(Refusal::Host));
        }
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        let host = ("host", "localhost:9090");
        check(&[host, ("origin", "http://localhost:9090")], Ok(()));
        for origin in [
            "http://localhost:8080",
            "https://localhost:9090",
            "http://rebound.example",
            "null",
            "",
        ] {
            check(&[host, ("origin", origin)], Err(Refusal::CrossOrigin));
        }
    }
}
