//! The name and the digest of a container's image.

use super::cri::ContainerMetadata;
use crate::containerd::Image;

/// The most specific name that the node has for a container's image, and the digest of its manifest or
/// index. `created_from` is the image in the container's record.
///
/// An image has several names for one target: preferably the one in the pod's manifest, then a tag, then
/// a digest, and last `sha256:…`. The image's record may be deleted while the container runs, by
/// `crictl rmi` or the kubelet's garbage collection; then only the container's own record is used.
pub(super) fn of(
    images: &[Image],
    created_from: &str,
    metadata: &ContainerMetadata,
) -> (String, String) {
    let called = |name: &str| images.iter().find(|image| image.name == name);
    let asked = &metadata.config.image.user_specified_image;
    let digest = called(created_from)
        .or_else(|| called(&metadata.image_ref))
        .map(|image| image.target.digest.clone())
        .or_else(|| Some(metadata.image_digest.clone()).filter(|digest| !digest.is_empty()))
        .or_else(|| {
            let names = [created_from, &metadata.image_name, asked];
            names.into_iter().find_map(digest_in)
        })
        .unwrap_or_default();
    if !asked.is_empty() {
        return (asked.clone(), digest);
    }
    let names = images
        .iter()
        .filter(|image| image.target.digest == digest)
        .map(|image| &*image.name);
    let best = names
        .chain([created_from, &metadata.image_name])
        .filter(|name| !name.is_empty())
        .min_by_key(|name| (name.starts_with("sha256:"), name.contains('@')));
    (best.unwrap_or_default().to_owned(), digest)
}

/// The digest in `REPOSITORY@sha256:…`.
fn digest_in(name: &str) -> Option<String> {
    name.split_once('@').map(|(_, digest)| digest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_the_removal_of_the_images_record() {
        let check = |image: &str, metadata: &str, expected: (&str, &str)| {
            let metadata: ContainerMetadata = serde_json::from_str(metadata).unwrap();
            let (name, digest) = of(&[], image, &metadata);
            assert_eq!((&*name, &*digest), expected, "{image} {metadata:?}");
        };
        check(
            "docker.io/library/web@sha256:aa",
            r#"{"ImageRef": "sha256:cc"}"#,
            ("docker.io/library/web@sha256:aa", "sha256:aa"),
        );
        check(
            "sha256:cc",
            r#"{"ImageRef": "sha256:cc", "ImageDigest": "sha256:aa", "ImageName": "web:1"}"#,
            ("web:1", "sha256:aa"),
        );
        check(
            "sha256:cc",
            r#"{"Config": {"image": {"user_specified_image": "web:1@sha256:aa"}}}"#,
            ("web:1@sha256:aa", "sha256:aa"),
        );
        check("sha256:cc", "{}", ("sha256:cc", ""));
    }
}
