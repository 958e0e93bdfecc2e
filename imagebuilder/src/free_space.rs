//! How much space a file system has left.

use std::path::Path;

use cli::Bytes;

/// The most free space, in bytes, that suggests that a build failed for want of more.
///
/// It is not zero: Cargo, rustc and the linker remove a file that they could not finish, which for a large
/// binary has hundreds of MiB.
const LITTLE: u64 = 512 << 20;

/// The free space of the file system of `directory`, if that is so little that a build may have filled it.
pub(crate) fn little_space(directory: &Path) -> Option<Bytes> {
    // Without an answer there is no hint; the build has failed anyway.
    let state = rustix::fs::statvfs(directory).ok()?;
    let free = state.f_bavail.saturating_mul(state.f_frsize);
    (free < LITTLE).then_some(Bytes(free))
}
