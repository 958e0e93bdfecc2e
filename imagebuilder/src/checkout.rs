//! The git repository and commit that a workspace is a checkout of.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why the source cannot be identified.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckoutError {
    #[error("cannot run `git`")]
    Run(#[source] std::io::Error),
    #[error("`{}` is not in a git repository with a commit: {problem}", root.display())]
    NoCommit { root: PathBuf, problem: String },
    /// The working tree is not the commit's.
    #[error("the working tree differs from commit {commit}: {changes}")]
    Dirty { commit: String, changes: String },
    /// A clone of the repository does not have the file.
    #[error("`{}` is not in commit {commit}: git ignores it", path.display())]
    Ignored { path: PathBuf, commit: String },
    #[error("the git repository of `{}` has no remote `origin`", root.display())]
    NoRemote { root: PathBuf },
}

/// A commit of a repository, and the workspace's directory in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checkout {
    /// As in a [package URL](https://github.com/package-url/purl-spec)'s `vcs_url`: `git+https://…`.
    pub(crate) uri: String,
    pub(crate) commit: String,
    /// The workspace's directory, relative to the repository; empty if they are the same.
    pub(crate) directory: String,
    /// The files of the commit that are below the workspace.
    files: BTreeSet<PathBuf>,
}

/// The variables that git sets for its hooks, and that would select another repository or index.
const OF_HOOKS: [&str; 4] = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"];

impl Checkout {
    /// Checks that the commit has these files of the workspace, which git may ignore.
    pub(crate) fn check<'a>(
        &self,
        mut files: impl Iterator<Item = &'a PathBuf>,
    ) -> Result<(), CheckoutError> {
        match files.find(|path| !self.files.contains(*path)) {
            Some(path) => Err(CheckoutError::Ignored {
                path: path.clone(),
                commit: self.commit.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Finds the repository of the workspace `root` with git.
    pub(crate) fn read(root: &Path) -> Result<Self, CheckoutError> {
        let git = |args: &[&str]| run(root, args);
        let commit = git(&["rev-parse", "HEAD"])?.map_err(|problem| CheckoutError::NoCommit {
            root: root.to_owned(),
            problem,
        })?;
        // Also what the user's configuration excludes.
        let status = [
            "status",
            "--porcelain",
            "--untracked-files=all",
            "--ignore-submodules=none",
        ];
        let mut changes = git(&status)?.unwrap_or_else(|problem| problem);
        let index = git(&["ls-files", "-v", "-z", "--recurse-submodules"])?.unwrap_or_default();
        // Each is a letter, a space and a path.
        let entries = index.split_terminator('\0');
        // A lowercase letter: git does not check whether it was changed (`--assume-unchanged`).
        let unchecked = entries
            .clone()
            .filter(|entry| entry.starts_with(char::is_lowercase));
        changes.extend(unchecked.map(|entry| format!("\n{entry} (assumed unchanged)")));
        if !changes.is_empty() {
            let lines = changes.lines().filter(|line| !line.is_empty());
            let mut lines = lines.map(|line| line.trim().to_owned());
            let first: Vec<String> = lines.by_ref().take(3).collect();
            let more = match lines.count() {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            let changes = format!("{}{more}", first.join(", "));
            return Err(CheckoutError::Dirty { commit, changes });
        }
        let remote = git(&["remote", "get-url", "origin"])?;
        let remote = remote.map_err(|_| CheckoutError::NoRemote {
            root: root.to_owned(),
        })?;
        let directory = git(&["rev-parse", "--show-prefix"])?.unwrap_or_default();
        // Assets are found by their canonical paths.
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        let paths = entries.filter_map(|entry| entry.split_once(' '));
        let files = paths.map(|(_, path)| root.join(path));
        Ok(Self {
            files: files.collect(),
            uri: uri(&remote),
            commit,
            directory: directory.trim_end_matches('/').to_owned(),
        })
    }
}

/// The output of a git command, or its error.
fn run(root: &Path, args: &[&str]) -> Result<Result<String, String>, CheckoutError> {
    let mut git = Command::new("git");
    git.args(args).current_dir(root);
    for name in OF_HOOKS {
        git.env_remove(name);
    }
    let output = git.output().map_err(CheckoutError::Run)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    Ok(if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    })
}

/// A remote as a URI, without credentials.
fn uri(remote: &str) -> String {
    if let Some((scheme, rest)) = remote.split_once("://") {
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        // The user of ssh is part of the address, and not secret.
        let authority = if scheme == "ssh" {
            let user = authority.rsplit_once('@').map(|(user, _)| user);
            let user = user.map(|user| user.split(':').next().unwrap_or_default());
            user.map_or_else(|| host.to_owned(), |user| format!("{user}@{host}"))
        } else {
            host.to_owned()
        };
        return format!("git+{scheme}://{authority}/{path}");
    }
    // `user@host:path`, as for scp.
    match remote.split_once(':') {
        Some((host, path)) if !host.contains('/') => {
            format!("git+ssh://{host}/{}", path.trim_start_matches('/'))
        }
        _ => format!("git+file://{remote}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_is_a_uri_without_credentials() {
        let check = |remote: &str, expected: &str| assert_eq!(uri(remote), expected);
        check(
            "https://github.com/o/r.git",
            "git+https://github.com/o/r.git",
        );
        check(
            "https://u:token@github.com/o/r",
            "git+https://github.com/o/r",
        );
        check("https://token@github.com/o/r", "git+https://github.com/o/r");
        check("git@github.com:o/r.git", "git+ssh://git@github.com/o/r.git");
        check("ssh://git:x@host:22/o/r", "git+ssh://git@host:22/o/r");
        check("/srv/r.git", "git+file:///srv/r.git");
        check("file:///srv/r.git", "git+file:///srv/r.git");
    }
}
