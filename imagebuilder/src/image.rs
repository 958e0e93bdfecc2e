//! Config and manifest of an image, from its layers and what the package says.

use std::collections::{BTreeMap, HashMap};

use oci::annotation;
use oci::image::spec::{ConfigBuilder, HistoryBuilder, ImageConfigurationBuilder, RootFsBuilder};
use oci::image::{Config, Manifest};
use oci::layout::{Layout, LayoutError};
use oci::{Descriptor, Platform};

use crate::base::CERTIFICATES;
use crate::layer::Layer;
use crate::options::Options;
use crate::workspace::Service;

/// Where the binary is put: on the `PATH` of every shell-less `kubectl exec`.
pub(crate) const BIN_DIRECTORY: &str = "usr/local/bin";

/// Stores config and manifest of an image, and returns the manifest's descriptor.
pub(crate) fn store(
    layout: &Layout,
    service: &Service,
    platform: &Platform,
    layers: &[Layer],
    options: &Options,
) -> Result<Descriptor, LayoutError> {
    let (bytes, config) = config(service, platform, layers, options).to_bytes();
    layout.write_bytes(&bytes)?;
    let layers = layers
        .iter()
        .map(|layer| layer.descriptor.clone())
        .collect();
    let mut manifest = Manifest::new(config, layers);
    manifest.annotations = annotations(service, options);
    let (bytes, mut descriptor) = manifest.to_bytes();
    layout.write_bytes(&bytes)?;
    descriptor.platform = Some(platform.clone());
    Ok(descriptor)
}

/// What the package says of itself, under the keys that tools know.
///
/// Only from the sources and the command line: git is not asked, since a copy of the same sources in
/// another folder may have no repository.
pub(crate) fn annotations(service: &Service, options: &Options) -> BTreeMap<String, String> {
    let fields = [
        (annotation::TITLE, Some(&service.package)),
        (annotation::DESCRIPTION, service.description.as_ref()),
        (annotation::VERSION, Some(&service.version)),
        (annotation::LICENSES, service.license.as_ref()),
        (annotation::SOURCE, service.repository.as_ref()),
        (annotation::REVISION, options.revision.as_ref()),
    ];
    fields
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?.clone())))
        .collect()
}

fn config(service: &Service, platform: &Platform, layers: &[Layer], options: &Options) -> Config {
    let created = rfc3339(options.created);
    let settings = &service.settings;
    let mut env = BTreeMap::from([
        ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned()),
        ("SSL_CERT_FILE".to_owned(), format!("/{CERTIFICATES}")),
    ]);
    env.extend(
        settings
            .env
            .iter()
            .map(|(name, value)| (name.0.clone(), value.clone())),
    );
    let mut labels: HashMap<String, String> = annotations(service, options).into_iter().collect();
    labels.extend(settings.labels.clone());
    let mut run = ConfigBuilder::default()
        .user(format!("{}:{}", settings.user.uid, settings.user.gid))
        .env(
            env.iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>(),
        )
        .entrypoint(vec![format!("/{BIN_DIRECTORY}/{}", service.bin)])
        .working_dir("/")
        .labels(labels)
        .stop_signal("SIGTERM");
    if !settings.ports.is_empty() {
        run = run.exposed_ports(
            settings
                .ports
                .iter()
                .map(|port| format!("{port}/tcp"))
                .collect::<Vec<_>>(),
        );
    }
    if !settings.args.is_empty() {
        run = run.cmd(settings.args.clone());
    }
    let history = layers.iter().map(|layer| {
        HistoryBuilder::default()
            .created(created.clone())
            .created_by(layer.created_by)
            .build()
            .expect("every field of a history entry is optional")
    });
    let rootfs = RootFsBuilder::default()
        .typ("layers")
        .diff_ids(
            layers
                .iter()
                .map(|layer| layer.diff_id.to_string())
                .collect::<Vec<_>>(),
        )
        .build()
        .expect("both fields of it are given");
    let spec = ImageConfigurationBuilder::default()
        .created(created.clone())
        .architecture(platform.architecture.as_str())
        .os(platform.os.as_str())
        .config(run.build().expect("every field of it is optional"))
        .rootfs(rootfs)
        .history(history.collect::<Vec<_>>())
        .build()
        .expect("every required field is given");
    Config { spec }
}

/// Seconds since 1970 in the form of RFC 3339; the command line bounds them to 32 bits.
pub(crate) fn rfc3339(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds)
        .unwrap_or(jiff::Timestamp::MAX)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        let check = |seconds, expected: &str| assert_eq!(rfc3339(seconds), expected);
        check(0, "1970-01-01T00:00:00Z");
        check(951_782_399, "2000-02-28T23:59:59Z");
        check(951_782_400, "2000-02-29T00:00:00Z");
        check(1_735_689_599, "2024-12-31T23:59:59Z");
        check(4_102_444_800, "2100-01-01T00:00:00Z");
    }
}
