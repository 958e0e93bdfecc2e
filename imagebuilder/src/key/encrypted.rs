//! The container in which cosign encrypts private keys:
//! [`encrypted`](https://pkg.go.dev/github.com/secure-systems-lab/go-securesystemslib/encrypted), scrypt
//! and `NaCl`'s secretbox.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit as _;
use salsa20::XSalsa20;
use salsa20::cipher::{KeyIvInit as _, StreamCipher as _};
use serde::Deserialize;

/// The most memory that scrypt may take for a file: 128·N·r bytes, of which cosign takes 64 MiB.
const MAX_SCRYPT_BYTES: u64 = 1024 * 1024 * 1024;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// Why a key cannot be decrypted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecryptError {
    #[error("it does not have cosign's format: {0}")]
    Form(String),
    #[error("the password is wrong, or the file is damaged")]
    Password,
}

#[derive(Deserialize)]
struct Envelope {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Deserialize)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// Decrypts a container.
pub(super) fn decrypt(container: &[u8], password: &[u8]) -> Result<Vec<u8>, DecryptError> {
    let form = |text: &str| DecryptError::Form(text.to_owned());
    let envelope: Envelope =
        serde_json::from_slice(container).map_err(|error| form(&error.to_string()))?;
    let Envelope {
        kdf,
        cipher,
        ciphertext,
    } = envelope;
    if kdf.name != "scrypt" || cipher.name != "nacl/secretbox" {
        return Err(form(&format!("`{}` with `{}`", cipher.name, kdf.name)));
    }
    let bytes = |text: &str| STANDARD.decode(text).map_err(|_| form("invalid base64"));
    let (salt, nonce) = (bytes(&kdf.salt)?, bytes(&cipher.nonce)?);
    let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| form("invalid nonce"))?;
    let Params { n, r, p } = kdf.params;
    let memory = n.saturating_mul(u64::from(r)).saturating_mul(128);
    if !n.is_power_of_two() || n < 2 || memory > MAX_SCRYPT_BYTES || p > 16 {
        return Err(form("parameters of scrypt that are not cosign's"));
    }
    let log_n = u8::try_from(n.trailing_zeros()).expect("it is at most 63");
    let parameters = scrypt::Params::new(log_n, r, p);
    let parameters = parameters.map_err(|_| form("invalid parameters of scrypt"))?;
    let mut key = [0; KEY_BYTES];
    let derived = scrypt::scrypt(password, &salt, &parameters, &mut key);
    derived.expect("the length of the key is a valid one");
    open(&key, &nonce, bytes(&ciphertext)?)
}

/// Opens a [secretbox](https://nacl.cr.yp.to/secretbox.html): the first 32 bytes of the key stream
/// authenticate what the others encrypt.
fn open(
    key: &[u8; KEY_BYTES],
    nonce: &[u8; NONCE_BYTES],
    mut sealed: Vec<u8>,
) -> Result<Vec<u8>, DecryptError> {
    if sealed.len() < TAG_BYTES {
        return Err(DecryptError::Password);
    }
    let mut message = sealed.split_off(TAG_BYTES);
    let mut stream = XSalsa20::new(key.into(), nonce.into());
    let mut one_time = [0; KEY_BYTES];
    stream.apply_keystream(&mut one_time);
    let tag = Poly1305::new(&one_time.into()).compute_unpadded(&message);
    // The comparison need not be constant-time: only the owner of the file runs it.
    if tag.as_slice() != sealed {
        return Err(DecryptError::Password);
    }
    stream.apply_keystream(&mut message);
    Ok(message)
}
