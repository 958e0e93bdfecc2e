//! The AWS SDK's HTTP client, with the proxy and certificate authorities of the registry's client.

use aws_sdk_ecr::config::SharedHttpClient;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci::registry::{ProxyError, Settings};

/// Addresses of the credentials of instances and containers, which are not reached through a proxy, by
/// [AWS](https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html).
const METADATA: &str = "169.254.169.254,169.254.170.2,169.254.170.23,fd00:ec2::254,fd00:ec2::23";

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("cannot set up HTTP for the AWS SDK: {problem}")]
    Setup { problem: String },
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}

/// A client with these settings.
pub(super) fn client(settings: &Settings) -> Result<SharedHttpClient, HttpError> {
    let failed = |error: &dyn std::error::Error| HttpError::Setup {
        problem: error.to_string(),
    };
    let tls = TlsContext::builder()
        .with_trust_store(trust(settings))
        .build()
        .map_err(|error| failed(&error))?;
    let proxy = match settings.proxies.for_https()? {
        Some((url, bypass)) => ProxyConfig::https(url)
            .map_err(|error| failed(&error))?
            .no_proxy(format!("{METADATA},{bypass}")),
        None => ProxyConfig::disabled(),
    };
    Ok(
        Builder::new().build_with_connector_fn(move |settings, components| {
            let mut connector = Connector::builder();
            if let Some(settings) = settings {
                connector = connector.connector_settings(settings.clone());
            }
            if let Some(components) = components {
                connector.set_sleep_impl(components.sleep_impl());
            }
            // One TLS stack, rustls on ring, as in the registry client.
            connector
                .proxy_config(proxy.clone())
                .tls_provider(Provider::Rustls(CryptoMode::Ring))
                .tls_context(tls.clone())
                .build()
        }),
    )
}

/// The machine's authorities or their replacement, else Mozilla's, and the additional ones.
fn trust(settings: &Settings) -> TrustStore {
    let mut store = TrustStore::empty();
    if settings.roots.is_empty() {
        for der in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
            store.add_pem_certificate(pem(der.as_ref()));
        }
    }
    for der in settings.roots.iter() {
        store.add_pem_certificate(pem(der));
    }
    if !settings.extra_roots.is_empty() {
        store.add_pem_certificate(settings.extra_roots.clone());
    }
    store
}

fn pem(der: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n").into_bytes()
}
