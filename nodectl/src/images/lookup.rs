//! Reads from containerd what a container needs of its image.

use oci::image::{Config, DocumentError, Index, MAX_DOCUMENT_BYTES, Manifest, NoPlatform};
use oci::{Digest, Kind, MediaType, Platform, Reference, ReferenceError};

use super::Accounts;
use crate::containerd::{self, Containerd, Labels};

/// An image that is in containerd.
#[derive(Clone, Debug)]
pub struct RunImage {
    /// The name of its record.
    pub name: String,
    /// The digest that the name points at.
    pub digest: String,
    /// Its config.
    pub config: Config,
    /// The topmost snapshot, empty for an image without layers.
    pub chain_id: String,
    /// Its users and groups.
    pub accounts: Accounts,
}

/// Why an image in containerd cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupError {
    /// containerd failed.
    #[error(transparent)]
    Containerd(#[from] containerd::Error),
    /// One of its documents cannot be read.
    #[error("image `{name}`, {digest}")]
    Document {
        /// The image.
        name: String,
        /// The document.
        digest: String,
        /// What is wrong with it.
        #[source]
        source: DocumentError,
    },
    /// It is for another platform.
    #[error("image `{name}`")]
    Platform {
        /// The image.
        name: String,
        /// Its platform.
        #[source]
        source: Box<NoPlatform>,
    },
    /// Its users and groups cannot be read.
    #[error("cannot read /etc/passwd and /etc/group of image `{name}`")]
    Accounts {
        /// The image.
        name: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Its name is not an image reference.
    #[error(transparent)]
    Name(#[from] ReferenceError),
    /// A layer is not unpacked, or the config's diff IDs are not digests.
    #[error("image `{name}` is in containerd but not unpacked: snapshot `{chain_id}` is missing")]
    NotUnpacked {
        /// The image.
        name: String,
        /// The snapshot that is missing.
        chain_id: String,
    },
}

/// containerd's name for the image that a manifest calls `written`, or `None` if it does not have
/// it.
///
/// # Errors
/// As [`LookupError`].
pub(crate) async fn find_name(
    client: &Containerd,
    written: &str,
) -> Result<Option<String>, LookupError> {
    let reference: Reference = written.parse()?;
    for name in super::candidates(&reference) {
        if client.image(&name).await?.is_some() {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// The image that a manifest calls `written`, or `None` if containerd does not have it. `marks` are the
/// labels of a snapshot that exists while the image's users are read.
///
/// # Errors
/// As [`LookupError`].
pub(crate) async fn lookup(
    client: &Containerd,
    written: &str,
    marks: &Labels,
) -> Result<Option<RunImage>, LookupError> {
    let Some(name) = find_name(client, written).await? else {
        return Ok(None);
    };
    let name = name.as_str();
    let Some(image) = client.image(name).await? else {
        return Ok(None);
    };
    let document = |digest: &str, source| LookupError::Document {
        name: name.to_owned(),
        digest: digest.to_owned(),
        source,
    };
    let digest = image.target.digest;
    let mut manifest_digest = digest.clone();
    if MediaType::new(image.target.media_type).kind() == Kind::Index {
        let bytes = read(client, &digest).await?;
        let index = Index::parse(&bytes).map_err(|source| document(&digest, source))?;
        let selected = index
            .select(&Platform::host())
            .map_err(|source| LookupError::Platform {
                name: name.to_owned(),
                source: Box::new(source),
            })?;
        manifest_digest = selected.digest.to_string();
    }
    let bytes = read(client, &manifest_digest).await?;
    let manifest = Manifest::parse(&bytes).map_err(|source| document(&manifest_digest, source))?;
    let config_digest = manifest.config.digest.to_string();
    let bytes = read(client, &config_digest).await?;
    let config = Config::parse(&bytes).map_err(|source| document(&config_digest, source))?;
    // An image that is not an index states its platform only here.
    let (actual, wanted) = (config.platform(), Platform::host());
    if !actual.runs_on(&wanted) {
        return Err(LookupError::Platform {
            name: name.to_owned(),
            source: Box::new(NoPlatform {
                wanted,
                available: actual.to_string(),
            }),
        });
    }
    let diff_ids: Vec<Digest> = config.diff_ids().unwrap_or_default();
    let chain_id = super::chain_ids(&diff_ids)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default();
    let unpacked = diff_ids.len() == manifest.layers.len()
        && (chain_id.is_empty() || client.has_snapshot(&chain_id).await?);
    if !unpacked {
        return Err(LookupError::NotUnpacked {
            name: name.to_owned(),
            chain_id,
        });
    }
    let accounts = accounts(client, name, &chain_id, marks).await?;
    Ok(Some(RunImage {
        accounts,
        name: name.to_owned(),
        digest,
        config,
        chain_id,
    }))
}

/// The users and groups that the unpacked image has.
async fn accounts(
    client: &Containerd,
    name: &str,
    chain_id: &str,
    marks: &Labels,
) -> Result<Accounts, LookupError> {
    if chain_id.is_empty() {
        return Ok(Accounts::default());
    }
    let key = format!("nodectl-accounts-{} {chain_id}", std::process::id());
    // Left by a concurrent or interrupted lookup.
    client.remove_snapshot(&key).await?;
    let mounts = client
        .prepare_snapshot(&key, chain_id, marks.clone())
        .await?;
    let accounts = Accounts::read(&mounts).map_err(|source| LookupError::Accounts {
        name: name.to_owned(),
        source,
    });
    client.remove_snapshot(&key).await?;
    accounts
}

async fn read(client: &Containerd, digest: &str) -> Result<Vec<u8>, containerd::Error> {
    let limit = usize::try_from(MAX_DOCUMENT_BYTES).unwrap_or(usize::MAX);
    client.read_blob(digest, limit).await
}
