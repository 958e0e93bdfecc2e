//! Detects programs that use musl's allocator, the default with musl.
//!
//! Its `malloc` has one lock for all threads, so a service with threads can spend most of its time waiting
//! for it. Other allocators need a few MiB more memory. The choice is the program's own.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;

use cargo_metadata::PackageId;
use memchr::memmem::Finder;
use serde::Deserialize;

use crate::package_id::Identity;
use crate::scan;

/// The variable for the stack size of threads, which `std` reads when it starts one. A binary that starts no
/// thread does not contain the name.
const THREADS: &[u8] = b"RUST_MIN_STACK";

/// Crates that replace the allocator, besides those with `malloc` in their names, such as mimalloc and
/// tikv-jemallocator.
const ALLOCATORS: [&str; 2] = ["scudo", "talc"];

/// An allocator that a package chooses deliberately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Allocator {
    /// musl's own, for a binary that is linked with musl.
    Musl,
}

/// Whether one of the packages that are linked into a program replaces the allocator.
pub(crate) fn is_replaced(packages: &BTreeSet<PackageId>) -> bool {
    packages
        .iter()
        .filter_map(Identity::parse)
        .any(|package| replaces(&package.name))
}

fn replaces(package: &str) -> bool {
    package.contains("malloc") || ALLOCATORS.contains(&package)
}

/// Whether a program written in Rust can start threads.
pub(crate) fn has_threads(binary: &File) -> io::Result<bool> {
    let finder = Finder::new(THREADS);
    let found = scan::find(binary, THREADS.len(), |part| finder.find(part))?;
    Ok(found.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_with_an_allocator_are_known_by_their_names() {
        for name in [
            "mimalloc",
            "snmalloc-rs",
            "tikv-jemallocator",
            "jemallocator",
            "talc",
        ] {
            assert!(replaces(name), "{name}");
        }
        // A part of hashbrown, which nearly every program has.
        for name in ["allocator-api2", "alloc-no-stdlib", "tokio"] {
            assert!(!replaces(name), "{name}");
        }
    }
}
