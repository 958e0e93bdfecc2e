//! Sizes in bytes, and their units.

pub(crate) const KIB: f64 = 1024.0;
pub(crate) const MIB: f64 = KIB * KIB;

/// A size as a float.
#[expect(clippy::cast_precision_loss, reason = "sizes stay far below 2^52")]
pub(crate) fn float(bytes: u64) -> f64 {
    bytes as f64
}
