//! The exit codes of all programs. `docs/ARCHITECTURE.md` has the same table.

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

    /// One phrase for the table in the docs and for `--help`.
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

    #[test]
    fn the_architecture_document_has_the_same_table() {
        let doc = include_str!("../../../docs/ARCHITECTURE.md");
        let documented: Vec<_> = doc
            .lines()
            .filter_map(|line| {
                let mut cells = line.strip_prefix("| ")?.split(" | ");
                let code = cells.next()?.parse::<u8>().ok()?;
                Some((code, cells.next()?.trim_end_matches(" |").to_owned()))
            })
            .collect();
        let coded: Vec<_> = Exit::ALL
            .iter()
            .map(|exit| (exit.code(), exit.meaning().to_owned()))
            .collect();
        assert_eq!(documented, coded);
    }
}
