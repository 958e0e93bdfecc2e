//! The exit codes of all programs. `docs/ARCHITECTURE.md` has the same table, and `imagebuilder/README.md` and
//! `docs/nodectl.md` have those of one program.

use std::process::ExitCode;

/// How a program exits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Success.
    Ok,
    /// The command failed.
    Failed,
    /// The command line, a manifest or a setting is invalid; nothing was changed.
    Usage,
    /// Credentials are missing or were refused.
    Authentication,
    /// A registry, Docker or containerd could not be reached.
    Unreachable,
    /// Content does not have the digest or size it claims.
    Mismatch,
    /// SIGINT or SIGTERM stopped the program, which has cleaned up.
    Interrupted,
}

impl Exit {
    /// Every exit code, in ascending order.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::Failed,
        Self::Usage,
        Self::Authentication,
        Self::Unreachable,
        Self::Mismatch,
        Self::Interrupted,
    ];

    /// The process's exit status. 2 is what clap and the shells use for usage; 130 is 128 + SIGINT.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Authentication => 3,
            Self::Unreachable => 4,
            Self::Mismatch => 5,
            Self::Interrupted => 130,
        }
    }

    /// The exit of a process that exited with this code; `Failed` if no program here uses it.
    pub fn from_code(code: u64) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|exit| u64::from(exit.code()) == code)
            .unwrap_or(Self::Failed)
    }

    /// One phrase, as in the documents' tables.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Usage => "usage or configuration",
            Self::Authentication => "authentication",
            Self::Unreachable => "registry, Docker or containerd unreachable",
            Self::Mismatch => "verification mismatch",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of a document whose first cell is an exit code.
    fn documented(document: &str) -> Vec<(u8, &str)> {
        document
            .lines()
            .filter_map(|line| {
                let mut cells = line.strip_prefix("| ")?.split(" | ");
                let code = cells.next()?.parse::<u8>().ok()?;
                Some((code, cells.next()?.trim_end_matches(" |")))
            })
            .collect()
    }

    #[test]
    fn the_documents_have_the_same_tables() {
        let mut coded: Vec<_> = Exit::ALL
            .iter()
            .map(|exit| (exit.code(), exit.meaning()))
            .collect();
        for document in [
            include_str!("../../../docs/ARCHITECTURE.md"),
            include_str!("../../../imagebuilder/README.md"),
        ] {
            assert_eq!(documented(document), coded);
        }
        // nodectl needs no credentials.
        coded.retain(|(code, _)| *code != Exit::Authentication.code());
        assert_eq!(documented(include_str!("../../../docs/nodectl.md")), coded);
    }
}
