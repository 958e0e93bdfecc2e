//! Selects the pod that an argument on the command line refers to.

use super::NodePod;

/// An argument that refers to no pod, or to several.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SelectError {
    /// There is none.
    #[error("there is no pod `{0}` on this node")]
    None(String),
    /// There are several.
    #[error("`{word}` matches several pods: {}", choices.join(", "))]
    Several {
        /// The argument.
        word: String,
        /// The pods that match it.
        choices: Vec<String>,
    },
}

/// The pod that `word` refers to: `NAME`, `NAMESPACE/NAME`, a unique ID, or the ID (or its prefix) of its
/// sandbox or of one of its containers. If a pod exists twice, as after its sandbox was recreated, the
/// latest is selected.
///
/// # Errors
/// As [`SelectError`].
pub(crate) fn select_pod<'a>(pods: &'a [NodePod], word: &str) -> Result<&'a NodePod, SelectError> {
    let id = |id: &str| word.len() >= 6 && id.starts_with(word);
    let matches = |pod: &&NodePod| {
        pod.name == word
            || format!("{}/{}", pod.namespace, pod.name) == word
            || pod.uid == word
            || id(&pod.sandbox_id)
            || pod.containers.iter().any(|container| id(&container.id))
    };
    let mut found: Vec<&NodePod> = pods.iter().filter(matches).collect();
    found.sort_by_key(|pod| std::cmp::Reverse(pod.created_unix));
    found.dedup_by(|later, earlier| {
        (&later.namespace, &later.name) == (&earlier.namespace, &earlier.name)
    });
    match found.as_slice() {
        [] => Err(SelectError::None(word.to_owned())),
        [pod] => Ok(pod),
        several => Err(SelectError::Several {
            word: word.to_owned(),
            choices: several
                .iter()
                .map(|pod| format!("{}/{}", pod.namespace, pod.name))
                .collect(),
        }),
    }
}
