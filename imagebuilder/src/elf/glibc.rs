//! Versions of glibc, by the names of its symbol versions.

use std::fmt;

use object::elf::FileHeader64;
use object::read::elf::FileHeader as _;
use object::{Endianness, ReadRef};
use serde::{Deserialize, Serialize};

/// A version of glibc, such as 2.36 or 2.2.5.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct GlibcVersion(Vec<u32>);

impl GlibcVersion {
    /// The version in the name of a symbol version, such as `GLIBC_2.36`; `GLIBC_PRIVATE` has none.
    pub(super) fn of_symbol(name: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?;
        let parts = text.split('.').map(|part| part.parse().ok());
        Some(Self(parts.collect::<Option<_>>()?))
    }

    /// The newest version whose symbols a libc defines; `None` if it is not glibc.
    pub(super) fn of_libc<'data>(libc: impl ReadRef<'data>) -> Option<Self> {
        let header = FileHeader64::<Endianness>::parse(libc).ok()?;
        let endian = header.endian().ok()?;
        let sections = header.sections(endian, libc).ok()?;
        let (mut definitions, link) = sections.gnu_verdef(endian, libc).ok()??;
        let strings = sections.strings(endian, libc, link).ok()?;
        let mut newest = None;
        while let Ok(Some((_, mut names))) = definitions.next() {
            // The first name is the version's own, and the others are those of its predecessors.
            if let Ok(Some(name)) = names.next() {
                newest = newest.max(Self::of_symbol(name.name(endian, strings).ok()?));
            }
        }
        newest
    }
}

impl fmt::Display for GlibcVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&parts.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let version = |name: &str| GlibcVersion::of_symbol(name.as_bytes());
        assert!(version("GLIBC_2.10") > version("GLIBC_2.9"));
        assert!(version("GLIBC_2.2.5") < version("GLIBC_2.3"));
        assert_eq!(version("GLIBC_2.36").unwrap().to_string(), "2.36");
        assert_eq!(version("GLIBC_PRIVATE"), None);
        assert_eq!(version("GLIBCXX_3.4"), None);
    }
}
