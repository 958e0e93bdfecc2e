//! What `dev/cluster/run` passes in the environment.

#[expect(
    clippy::disallowed_methods,
    reason = "the edge: settings from dev/cluster/run"
)]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Arguments of imagebuilder and ship for the registry and the platform.
pub(super) fn registry() -> Vec<String> {
    let repo = variable("REPO").expect("`dev/cluster/run` sets REPO");
    let platform = variable("PLATFORM").unwrap_or_else(|| "linux/amd64".to_owned());
    let mut args = vec!["--repo".to_owned(), repo, "--platform".to_owned(), platform];
    args.extend(
        variable("CA_FILE")
            .into_iter()
            .flat_map(|ca| ["--ca-file".to_owned(), ca]),
    );
    args
}
