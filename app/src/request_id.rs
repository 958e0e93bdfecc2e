//! Request ids, which connect a response, a log line and a trace.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::OnceLock;

/// The longest id that is accepted from a client.
const MAX_BYTES: usize = 64;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// 64 bits that differ from process to process, derived from the keys of the standard library's hasher.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0)
}

/// A number as 16 hexadecimal digits. No formatting machinery: every request has one.
pub(crate) fn hex(number: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    for (index, digit) in digits.iter_mut().enumerate() {
        *digit = DIGITS[(number >> (60 - 4 * index) & 0xf) as usize];
    }
    digits
}

/// Spreads a counter over all bits (splitmix64's finaliser, a bijection), so that ids neither repeat
/// within a process nor disclose how many requests there were.
pub(crate) const fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// The id of a response that belongs to no worker's request.
pub(crate) fn numbered(count: u64) -> String {
    static SEED: OnceLock<u64> = OnceLock::new();
    let seed = *SEED.get_or_init(random);
    hex(mix(seed.wrapping_add(count)))
        .iter()
        .map(|digit| char::from(*digit))
        .collect()
}

/// Whether a client's id can be used as ours: it ends up in logs and headers.
pub(crate) fn is_acceptable(id: &[u8]) -> bool {
    (1..=MAX_BYTES).contains(&id.len())
        && id
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_number() {
        for number in [0, 1, 0x0123_4567_89ab_cdef, u64::MAX] {
            assert_eq!(hex(number).as_slice(), format!("{number:016x}").as_bytes());
        }
    }

    #[test]
    fn harmless_ids_of_clients_are_accepted() {
        assert!(is_acceptable(b"4bf92f35-77b3.4da6_a:1"));
        for bad in [&b""[..], b"a b", b"a\"", b"\xff", &[b'a'; 65]] {
            assert!(!is_acceptable(bad));
        }
    }
}
