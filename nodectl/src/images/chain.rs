//! Chain IDs: the names that unpacked layers have in the snapshotter.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#layer-chainid>

use oci::Digest;

/// The chain ID after each layer, from the bottom.
pub(crate) fn chain_ids(diff_ids: &[Digest]) -> Vec<Digest> {
    let mut chain: Vec<Digest> = Vec::with_capacity(diff_ids.len());
    for diff_id in diff_ids {
        let next = match chain.last() {
            None => *diff_id,
            Some(below) => Digest::of(format!("{below} {diff_id}").as_bytes()),
        };
        chain.push(next);
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_the_diff_id_and_the_next_hash_their_text() {
        let one = Digest::of(b"one");
        let two = Digest::of(b"two");
        let expected = Digest::of(format!("{one} {two}").as_bytes());
        assert_eq!(chain_ids(&[one, two]), vec![one, expected]);
        assert_eq!(chain_ids(&[]), vec![]);
    }
}
