//! Why manifests cannot be run.

/// Manifests that cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// There is no Deployment to run.
    #[error("the manifests have no Deployment{}", only(.found))]
    NoDeployment {
        /// The objects that were found.
        found: Vec<String>,
    },
    /// Two objects have the same name.
    #[error("{origin}: {kind} `{namespace}/{name}` is {}", also_in(.first, .origin))]
    Duplicate {
        /// The file of the second one.
        origin: String,
        /// The file of the first one.
        first: String,
        /// Their kind.
        kind: &'static str,
        /// Their namespace.
        namespace: String,
        /// Their name.
        name: String,
    },
    /// Fields of an object have invalid values.
    #[error("{origin}: {object}: {}", .problems.join("; "))]
    Invalid {
        /// The file.
        origin: String,
        /// The object.
        object: String,
        /// The fields' paths, each with its problem.
        problems: Vec<String>,
    },
    /// An image is named by the package that it is built from.
    #[error(
        "{origin}: Deployment `{deployment}`: container `{container}`: image `{image}` is not resolved"
    )]
    Unresolved {
        /// The file.
        origin: String,
        /// The Deployment.
        deployment: String,
        /// The container.
        container: String,
        /// The image's name.
        image: String,
    },
}

fn also_in(first: &str, origin: &str) -> String {
    if first == origin {
        return "defined twice".to_owned();
    }
    format!("in {first} too")
}

/// The most objects that are listed.
const MAX_LISTED: usize = 5;

fn only(found: &[String]) -> String {
    let Some((last, others)) = found.split_last() else {
        return String::new();
    };
    if found.len() > MAX_LISTED {
        let listed = found[..MAX_LISTED].join(", ");
        return format!(", only {listed} and {} more", found.len() - MAX_LISTED);
    }
    if others.is_empty() {
        return format!(", only {last}");
    }
    format!(", only {} and {last}", others.join(", "))
}
