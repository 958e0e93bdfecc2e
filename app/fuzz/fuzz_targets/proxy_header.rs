//! Any bytes as the beginning of a connection: a header ends at its length, and each of its prefixes is
//! incomplete.
#![no_main]

use app::proxy::{FIXED_BYTES, MAX_BYTES, Parsed, SIGNATURE, parse};
use libfuzzer_sys::fuzz_target;

fn check(bytes: &[u8]) {
    match parse(bytes) {
        Ok(Parsed::Complete(header, length)) => {
            assert!((FIXED_BYTES..=bytes.len().min(MAX_BYTES)).contains(&length));
            assert_eq!(parse(&bytes[..length]), Ok(Parsed::Complete(header, length)));
            for cut in 0..length {
                let prefix = parse(&bytes[..cut]);
                assert!(
                    matches!(prefix, Ok(Parsed::Incomplete(needed)) if needed > cut && needed <= length),
                    "{cut} of {length}: {prefix:?}"
                );
            }
        }
        Ok(Parsed::Incomplete(needed)) => assert!(needed > bytes.len() && needed <= MAX_BYTES),
        Ok(Parsed::Absent) => assert!(!bytes.starts_with(&SIGNATURE)),
        Err(_) => assert!(bytes.starts_with(&SIGNATURE)),
    }
}

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    check(&[&SIGNATURE[..], bytes].concat());
});
