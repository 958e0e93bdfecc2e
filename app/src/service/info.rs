//! `GET /info`: the service's view of itself and of the client.

use actix_http::Request;
use actix_http::header::{self, HeaderName};
use bytes::Bytes;
use serde::Serialize;

use super::exchange::Exchange;
use crate::build_info;
use crate::client_address;

/// The most characters of a forwarded header that are shown.
const MAX_SHOWN: usize = 512;

/// The document. Its fields are a contract; a breaking change raises the version.
#[derive(Serialize)]
struct Info<'a> {
    schema_version: u32,
    greeting: &'a str,
    pod: &'a str,
    namespace: Option<&'a str>,
    node: Option<&'a str>,
    zone: Option<&'a str>,
    service: &'a str,
    version: &'static str,
    revision: &'static str,
    state: &'static str,
    uptime_ms: u128,
    workers: usize,
    config_digest: &'a str,
    visits: Option<u64>,
    request_id: &'a str,
    client: Client<'a>,
}

/// The client, by every source, and the one that is trusted.
#[derive(Serialize)]
struct Client<'a> {
    address: std::net::IpAddr,
    believed_from: &'static str,
    why: String,
    peer: std::net::SocketAddr,
    proxy_protocol: Option<ProxyProtocol<'a>>,
    x_forwarded_for: Option<String>,
    x_forwarded_proto: Option<String>,
    forwarded: Option<String>,
}

#[derive(Serialize)]
struct ProxyProtocol<'a> {
    client: std::net::SocketAddr,
    destination: std::net::SocketAddr,
    vpc_endpoint: Option<&'a str>,
}

/// A header's value, shortened.
fn shown(value: &str) -> String {
    value.chars().take(MAX_SHOWN).collect()
}

pub(super) fn body(exchange: &Exchange, request: &Request) -> Bytes {
    let shared = &exchange.worker.shared;
    let settings = &shared.settings;
    let identity = &settings.identity;
    let source = exchange.conn.proxied();
    let headers = &request.head().headers;
    let list = |name: HeaderName| client_address::joined(headers, name);
    let forwarded_for = list(header::X_FORWARDED_FOR);
    let peer = exchange.conn.peer;
    let trusted = &settings.trusted_proxies;
    let believed = client_address::believe(peer.ip(), source, forwarded_for.as_deref(), trusted);
    let id = exchange.id();
    let info = Info {
        schema_version: 1,
        greeting: &shared.greeting.text(),
        pod: &identity.pod,
        namespace: identity.namespace.as_deref(),
        node: identity.node.as_deref(),
        zone: identity.zone.as_deref(),
        service: &identity.service,
        version: build_info::VERSION,
        revision: build_info::REVISION,
        state: shared.life.state().name(),
        uptime_ms: shared.started.elapsed().as_millis(),
        workers: shared.counters.len(),
        config_digest: &settings.digest,
        visits: shared.visits.total(),
        request_id: id.to_str().unwrap_or_default(),
        client: Client {
            address: believed.address,
            believed_from: believed.from,
            why: believed.why,
            peer,
            proxy_protocol: source.map(|source| ProxyProtocol {
                client: source.client,
                destination: source.destination,
                vpc_endpoint: source.vpc_endpoint.as_deref(),
            }),
            x_forwarded_for: forwarded_for.as_deref().map(shown),
            x_forwarded_proto: list(header::X_FORWARDED_PROTO).as_deref().map(shown),
            forwarded: list(header::FORWARDED).as_deref().map(shown),
        },
    };
    let mut body = serde_json::to_vec(&info).expect("strings and numbers serialise");
    body.push(b'\n');
    body.into()
}
