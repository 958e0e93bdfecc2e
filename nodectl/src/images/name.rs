//! The names under which containerd may have the image that a manifest names.
//!
//! containerd's clients for Kubernetes and Docker store an image under its normalized name: `nginx` as
//! `docker.io/library/nginx:latest`.

use oci::Reference;

const DEFAULT_TAG: &str = "latest";

/// The names to look for, the written one first.
pub(crate) fn candidates(reference: &Reference) -> Vec<String> {
    let written = reference.to_string();
    let name = reference.full_name();
    let full = match (reference.tag(), reference.digest()) {
        (Some(tag), Some(digest)) => {
            // Some clients keep the digest and drop the tag.
            return distinct([
                written,
                format!("{name}:{tag}@{digest}"),
                format!("{name}@{digest}"),
            ]);
        }
        (Some(tag), None) => format!("{name}:{tag}"),
        (None, Some(digest)) => format!("{name}@{digest}"),
        (None, None) => format!("{name}:{DEFAULT_TAG}"),
    };
    distinct([written, full])
}

fn distinct<const N: usize>(names: [String; N]) -> Vec<String> {
    let mut names = Vec::from(names);
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_familiar_name_is_normalized() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(candidates(&text.parse().unwrap()), expected, "{text}");
        };
        check("nginx", &["nginx", "docker.io/library/nginx:latest"]);
        check("nginx:1", &["nginx:1", "docker.io/library/nginx:1"]);
        check("a/b:1", &["a/b:1", "docker.io/a/b:1"]);
        check(
            "docker.io/nginx:1",
            &["docker.io/nginx:1", "docker.io/library/nginx:1"],
        );
        check(
            "index.docker.io/a/b:1",
            &["index.docker.io/a/b:1", "docker.io/a/b:1"],
        );
        check("docker.io/a/b:1", &["docker.io/a/b:1"]);
        check(
            "r.example.com/a",
            &["r.example.com/a", "r.example.com/a:latest"],
        );
        check("localhost:5000/a:1", &["localhost:5000/a:1"]);
        check(
            &format!("nginx:1@{digest}"),
            &[
                &format!("nginx:1@{digest}"),
                &format!("docker.io/library/nginx:1@{digest}"),
                &format!("docker.io/library/nginx@{digest}"),
            ],
        );
    }
}
