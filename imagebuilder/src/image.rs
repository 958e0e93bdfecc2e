//! Creates the configuration and manifest of an image from its base, its layers and its settings.

use std::collections::{BTreeMap, HashMap};

use oci::annotation;
use oci::image::spec::{
    ConfigBuilder, History, HistoryBuilder, ImageConfigurationBuilder, RootFsBuilder,
};
use oci::image::{Config, Index, Manifest};
use oci::layout::{Layout, LayoutError};
use oci::{Descriptor, Platform};

use crate::base::{Base, BaseImage, CERTIFICATES};
use crate::layer::Layer;
use crate::setting_values::User;
use crate::settings::Settings;

/// The prefix of labels by which an image describes itself. They are not inherited from a base, whose labels
/// do not apply to the image.
const OWN_LABELS: &str = "org.opencontainers.image.";

/// `PATH` in an image, unless it or its base sets another.
pub(crate) const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// An image to store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Image<'a> {
    pub(crate) settings: &'a Settings,
    /// Its program, unless the settings name another; `None` for the base's.
    pub(crate) entrypoint: Option<&'a [String]>,
    /// Annotations, which are also labels.
    pub(crate) annotations: &'a BTreeMap<String, String>,
    /// The time of everything in it, in seconds since 1970.
    pub(crate) created: u64,
    pub(crate) base: Option<&'a Base>,
}

impl Image<'_> {
    /// Stores config and manifest for a platform, and returns the manifest's descriptor. `layers` are
    /// those on top of the base.
    pub(crate) fn store(
        &self,
        layout: &Layout,
        platform: &Platform,
        layers: &[Layer],
    ) -> Result<Descriptor, LayoutError> {
        let base = self.base.map(|base| base.image(platform));
        let (bytes, config) = self.config(platform, base, layers).to_bytes();
        layout.write_bytes(&bytes)?;
        let below = base.map(|base| base.layers.clone()).unwrap_or_default();
        let own = layers.iter().map(|layer| layer.descriptor.clone());
        let mut manifest = Manifest::new(config, below.into_iter().chain(own).collect());
        manifest.annotations = self.all_annotations(base);
        let (bytes, mut descriptor) = manifest.to_bytes();
        layout.write_bytes(&bytes)?;
        descriptor.platform = Some(platform.clone());
        Ok(descriptor)
    }

    /// The descriptor of the image: its only manifest, or an index of several, which is stored.
    pub(crate) fn root(
        &self,
        layout: &Layout,
        mut manifests: Vec<Descriptor>,
    ) -> Result<Descriptor, LayoutError> {
        if manifests.len() == 1 {
            return Ok(manifests.remove(0));
        }
        let mut index = Index::new(manifests);
        index.annotations = self.all_annotations(None);
        let (bytes, descriptor) = index.to_bytes();
        layout.write_bytes(&bytes)?;
        Ok(descriptor)
    }

    /// The annotations of a manifest, or of the index.
    fn all_annotations(&self, base: Option<&BaseImage>) -> BTreeMap<String, String> {
        let mut all = self.annotations.clone();
        if let Some(on) = self.base {
            let digest = base.map_or(on.root(), |image| image.manifest);
            all.insert(annotation::BASE_DIGEST.to_owned(), digest.to_string());
            // A path would make the digest depend on the folder.
            if let Some(reference) = on.reference() {
                let name = reference.clone().without_digest();
                let tag = reference.tag().map(|tag| format!(":{tag}"));
                let name = format!("{}{}", name.full_name(), tag.unwrap_or_default());
                all.insert(annotation::BASE_NAME.to_owned(), name);
            }
        }
        all.extend(self.settings.annotations.clone());
        all
    }

    fn config(&self, platform: &Platform, base: Option<&BaseImage>, layers: &[Layer]) -> Config {
        let created = rfc3339(self.created);
        let settings = self.settings;
        let below = base.and_then(|base| base.config.spec.config().as_ref());
        let own = settings.entrypoint.as_deref().or(self.entrypoint);
        // The arguments of a base are meant for its own program.
        let args = match own {
            None if settings.args.is_empty() => below.and_then(|below| below.cmd().clone()),
            _ => Some(settings.args.clone()),
        };
        let entrypoint = match own {
            Some(own) => Some(own.to_vec()),
            None => below.and_then(|below| below.entrypoint().clone()),
        };
        let mut run = ConfigBuilder::default()
            .user(self.user(base))
            .env(self.env(base))
            .working_dir(match (&settings.workdir, base) {
                (Some(workdir), _) => workdir.0.clone(),
                (None, Some(base)) => base.config.working_dir().to_owned(),
                (None, None) => "/".to_owned(),
            })
            .labels(self.labels(below.and_then(|config| config.labels().clone())));
        let signal = settings.stop_signal.as_ref().map(|signal| signal.0.clone());
        let signal = signal.or_else(|| below?.stop_signal().clone());
        run = run.stop_signal(signal.unwrap_or_else(|| "SIGTERM".to_owned()));
        let ports = settings.ports.iter().map(|port| format!("{port}/tcp"));
        let ports = union(below.and_then(|c| c.exposed_ports().clone()), ports);
        if !ports.is_empty() {
            run = run.exposed_ports(ports);
        }
        let volumes = settings.volumes.iter().map(|path| path.0.clone());
        let volumes = union(below.and_then(|c| c.volumes().clone()), volumes);
        if !volumes.is_empty() {
            run = run.volumes(volumes);
        }
        if let Some(entrypoint) = entrypoint {
            run = run.entrypoint(entrypoint);
        }
        if let Some(args) = args.filter(|args| !args.is_empty()) {
            run = run.cmd(args);
        }
        let own = layers
            .iter()
            .map(|layer| entry(&created, &layer.created_by));
        let history = base.map_or_else(Vec::new, |base| history(base, &created));
        let below = base.map(|base| &base.diff_ids[..]).unwrap_or_default();
        let diff_ids = below
            .iter()
            .chain(layers.iter().map(|layer| &layer.diff_id));
        let rootfs = RootFsBuilder::default()
            .typ("layers")
            .diff_ids(diff_ids.map(ToString::to_string).collect::<Vec<_>>())
            .build()
            .expect("both fields of it are given");
        let spec = ImageConfigurationBuilder::default()
            .created(created.clone())
            .architecture(platform.architecture.as_str())
            .os(platform.os.as_str())
            .config(run.build().expect("every field of it is optional"))
            .rootfs(rootfs)
            .history(history.into_iter().chain(own).collect::<Vec<_>>())
            .build()
            .expect("every required field is given");
        Config { spec }
    }

    /// The user of the settings, else that of the base, else one that is not root.
    fn user(&self, base: Option<&BaseImage>) -> String {
        let below = base.map(|base| base.config.user()).unwrap_or_default();
        match self.settings.user {
            None if !below.is_empty() => below.to_owned(),
            user => user.unwrap_or(User::NONROOT).to_string(),
        }
    }

    fn env(&self, base: Option<&BaseImage>) -> Vec<String> {
        let mut env = BTreeMap::from([("PATH", DEFAULT_PATH.to_owned())]);
        if base.is_none() {
            env.insert("SSL_CERT_FILE", format!("/{CERTIFICATES}"));
        }
        let below = base.map(|base| base.config.env()).unwrap_or_default();
        let below = below.iter().filter_map(|variable| variable.split_once('='));
        env.extend(below.map(|(name, value)| (name, value.to_owned())));
        let own = self.settings.env.iter();
        env.extend(own.map(|(name, value)| (name.0.as_str(), value.clone())));
        let all = env.into_iter();
        all.map(|(name, value)| format!("{name}={value}")).collect()
    }

    fn labels(&self, below: Option<HashMap<String, String>>) -> HashMap<String, String> {
        let below = below.into_iter().flatten();
        let mut labels: HashMap<String, String> = below
            .filter(|(key, _)| !key.starts_with(OWN_LABELS))
            .collect();
        labels.extend(self.annotations.clone());
        labels.extend(self.settings.labels.clone());
        labels
    }
}

/// The base's history, with an entry for each of its layers.
fn history(base: &BaseImage, created: &str) -> Vec<History> {
    let history = base.config.spec.history().clone().unwrap_or_default();
    let of_layers = history
        .iter()
        .filter(|entry| entry.empty_layer() != Some(true));
    if of_layers.count() == base.layers.len() {
        return history;
    }
    let by = "imagebuilder: layer of the base";
    base.layers.iter().map(|_| entry(created, by)).collect()
}

fn entry(created: &str, by: &str) -> History {
    HistoryBuilder::default()
        .created(created)
        .created_by(by)
        .build()
        .expect("every field of a history entry is optional")
}

/// The union of both, sorted and without duplicates.
fn union(below: Option<Vec<String>>, own: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = below.unwrap_or_default().into_iter().chain(own).collect();
    all.sort_unstable();
    all.dedup();
    all
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
