//! What commands share that push: a publisher, the destination below a prefix, progress.

use std::sync::Arc;

use oci::Reference;
use oci::layout::Layout;

use super::ImageError;
use super::context::Context;
use super::progress::show;
use crate::args::Registry;
use crate::registry::{Connection, Prefix, PublishError, Publisher, TransferOptions};

/// Where an image goes below a prefix.
pub(super) fn destination(
    prefix: &Prefix,
    name: &Reference,
    tag: Option<&str>,
) -> Result<Reference, ImageError> {
    let image = prefix.image(name).map_err(PublishError::from)?;
    Ok(match tag {
        Some(tag) => image.with_tag(tag).map_err(PublishError::from)?,
        None => image,
    })
}

/// A publisher to a registry, as the arguments ask for it.
pub(super) fn publisher_for(
    context: &Context,
    host: &str,
    registry: &Registry,
) -> Result<Publisher, ImageError> {
    let connection = connection(context, registry);
    let printer = context.printer;
    let on_retry = Arc::new(move |what: &str, _: &str, pause: std::time::Duration| {
        printer.warn(&format!("{what}; retrying in {:.1}s", pause.as_secs_f64()));
    });
    Publisher::new(host, &connection, on_retry).map_err(|source| ImageError::Publisher {
        registry: host.to_owned(),
        source,
    })
}

/// How registries are reached, by the arguments and the environment.
pub(super) fn connection(context: &Context, registry: &Registry) -> Connection {
    let environment = &context.environment;
    Connection {
        ca_file: registry.ca_file.clone(),
        plain_http: registry.plain_http,
        skip_tls_verify: registry.insecure_skip_tls_verify,
        resolve: registry.resolve.clone(),
        proxies: environment.proxies.clone(),
        trust: environment.trust.clone(),
        create_repository: registry.create_repository,
        auth_files: match &registry.docker_config {
            Some(directory) => vec![directory.join("config.json")],
            None => environment.auth_files.clone(),
        },
    }
}

/// Publishes an image and shows the progress.
pub(super) fn publish(
    context: &Context,
    publisher: &Publisher,
    layout: &Layout,
    destination: &Reference,
    root: &oci::Descriptor,
) -> Result<Reference, ImageError> {
    let options = TransferOptions::default();
    let outcome = show(context, |elapsed, events| {
        publisher.publish(layout, destination, root, options, elapsed, events)
    });
    Ok(outcome?)
}
