//! How much space a file system has left.

use std::path::Path;

use cli::Bytes;

/// A build that fails with less free space than this, in bytes, has probably filled the disk.
///
/// It is not zero: Cargo, rustc and the linker remove a file that they could not finish, which can have hundreds of
/// MiB.
const LITTLE: u64 = 512 << 20;

/// The free space of the file system of `directory`, if that is so little that a build may have filled it.
pub(crate) fn little_space(directory: &Path) -> Option<Bytes> {
    // Without an answer there is no hint; the build has failed anyway.
    let state = rustix::fs::statvfs(directory).ok()?;
    let free = state.f_bavail.saturating_mul(state.f_frsize);
    (free < LITTLE).then_some(Bytes(free))
}
