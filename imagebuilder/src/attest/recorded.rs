//! Reads provenance: the source and the arguments of the build.

use oci::Descriptor;
use serde::{Deserialize, Serialize};

use super::attached;
use super::bundle::{self, Bundle};
use super::provenance::{BUILD_TYPE, PREDICATE_TYPE};
use super::statement::{self, Statement};
use crate::image_source::{ImageSource, SourceError};
use crate::key::PublicKey;

/// How an image was built, according to its provenance.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Recorded {
    pub(crate) source: RecordedSource,
    /// The workspace's directory in the source.
    #[serde(default)]
    pub(crate) directory: String,
    /// The arguments of the program.
    pub(crate) arguments: Vec<String>,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct RecordedSource {
    pub(crate) uri: String,
    pub(crate) digest: Commit,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Commit {
    pub(crate) git_commit: String,
}

/// Reads the provenance of the image `root`; with a key, only provenance that it signed. `None` if there
/// is none that this program wrote.
pub(crate) fn recorded(
    source: &ImageSource,
    root: &Descriptor,
    key: Option<&PublicKey>,
) -> Result<Option<Recorded>, SourceError> {
    let types = [bundle::MEDIA_TYPE, statement::MEDIA_TYPE];
    let found = attached(source, root, &types)?;
    let statements = found.iter().filter_map(|attached| {
        if let Some(bundle) = Bundle::parse(&attached.document) {
            let trusted = key.is_none_or(|key| bundle.is_signed_by(key));
            bundle.statement().filter(|_| trusted)
        } else {
            Statement::parse(&attached.document).filter(|_| key.is_none())
        }
    });
    let mut provenance = statements.filter(|statement| {
        let definition = &statement.predicate["buildDefinition"];
        statement.predicate_type == PREDICATE_TYPE
            && statement.is_about(&root.digest)
            && definition["buildType"] == BUILD_TYPE
    });
    Ok(provenance.find_map(|statement| {
        let parameters = &statement.predicate["buildDefinition"]["externalParameters"];
        Recorded::deserialize(parameters).ok()
    }))
}
