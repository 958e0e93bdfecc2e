//! The annotation keys in use here, from
//! [image-spec annotations](https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md).

pub use oci_spec::image::{
    ANNOTATION_BASE_IMAGE_DIGEST as BASE_DIGEST, ANNOTATION_BASE_IMAGE_NAME as BASE_NAME,
    ANNOTATION_DESCRIPTION as DESCRIPTION, ANNOTATION_LICENSES as LICENSES,
    ANNOTATION_REF_NAME as REF_NAME, ANNOTATION_REVISION as REVISION, ANNOTATION_SOURCE as SOURCE,
    ANNOTATION_TITLE as TITLE, ANNOTATION_VERSION as VERSION,
};

/// The full image name that containerd's and Docker's exporters put beside [`REF_NAME`], which
/// they limit to the tag.
pub const CONTAINERD_IMAGE_NAME: &str = "io.containerd.image.name";

/// The name of an image in a layout's index, beside [`REF_NAME`], which many programs use for a tag
/// alone: without it, `v1.2` may be either.
pub const IMAGE_NAME: &str = "imagebuilder.image.name";
