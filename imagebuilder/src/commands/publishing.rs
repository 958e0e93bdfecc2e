//! Shared by the commands that push: a publisher, the destination below a prefix, progress.

use std::sync::Arc;

use oci::Reference;
use oci::referrers::Referrers;

use super::ImageError;
use super::context::Context;
use super::progress::show;
use crate::args::{Creation, Registry};
use crate::base::Content;
use crate::builder::Built;
use crate::registry::{Connection, Mounts, Prefix, PublishError, Publisher, TransferOptions};

/// The destination of an image below a prefix.
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

/// A publisher to a registry, configured by the arguments.
pub(super) fn publisher_for(
    context: &Context,
    host: &str,
    registry: &Registry,
) -> Result<Publisher, ImageError> {
    let printer = context.printer;
    let on_retry = Arc::new(move |what: &str, _: &str, pause: std::time::Duration| {
        printer.warn(&format!("{what}; retrying in {:.1}s", pause.as_secs_f64()));
    });
    let connection = connection(context, registry);
    Publisher::new(host, &connection, on_retry).map_err(|source| ImageError::Publisher {
        registry: host.to_owned(),
        source,
    })
}

/// The publisher, which creates missing repositories if that is requested.
pub(super) fn creating(
    publisher: Publisher,
    creation: &Creation,
) -> Result<Publisher, PublishError> {
    if creation.create_repository {
        publisher.creating_repositories()
    } else {
        Ok(publisher)
    }
}

/// The settings for registries, from the arguments and the environment.
pub(super) fn connection(context: &Context, registry: &Registry) -> Connection {
    let environment = &context.environment;
    Connection {
        ca_file: registry.ca_file.clone(),
        plain_http: registry.plain_http,
        skip_tls_verify: registry.insecure_skip_tls_verify,
        resolve: registry.resolve.clone(),
        proxies: environment.proxies.clone(),
        trust: environment.trust.clone(),
        auth_files: match &registry.docker_config {
            Some(directory) => vec![directory.join("config.json")],
            None => environment.auth_files.clone(),
        },
    }
}

/// Publishes an image with its referrers, and shows the progress. Layers of its bases are mounted if the
/// registry has them.
pub(super) fn publish(
    context: &Context,
    publisher: &Publisher,
    image: Content<'_>,
    destination: &Reference,
    built: &Built,
) -> Result<Reference, ImageError> {
    let options = TransferOptions {
        check: false,
        referrers: Referrers::These(&built.referrers),
    };
    let root = &built.root;
    let mounts = image.bases.iter().find_map(|base| {
        let reference = base.reference()?;
        (reference.registry() == destination.registry()).then(|| Mounts {
            repository: reference.repository().to_owned(),
            blobs: base.layers().map(|layer| layer.digest).collect(),
        })
    });
    let mounts = mounts.as_ref();
    let outcome = show(context, |elapsed, events| {
        publisher.publish(&image, destination, root, mounts, options, elapsed, events)
    });
    Ok(outcome?)
}
