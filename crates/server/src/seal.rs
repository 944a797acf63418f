//! Encrypts what the store keeps but must not show, with a key beside the database.
//!
//! The key is in `secret.key` (mode 0600): a copy of the database alone gives no secret away.

use std::fmt;
use std::path::Path;

use adit_iot::Secret;
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};

use crate::files;
use crate::ids::Ids;
use crate::trouble::StartError;

/// Bytes of an AES-256 key.
const KEY: usize = 32;
/// Bytes of the nonce in front of a sealed text.
const NONCE: usize = 12;

/// Seals and opens secrets.
pub struct Seal(RandomizedNonceKey);

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(hidden)")
    }
}

/// A sealed text that this key does not open: another key, another purpose, or damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotOurs;

impl Seal {
    /// Reads the key of a data folder, or makes one.
    ///
    /// # Errors
    /// The file cannot be read or written, or does not hold 32 bytes.
    pub fn of_folder(folder: &Path, ids: &Ids) -> Result<Self, StartError> {
        let path = folder.join("secret.key");
        let key = match files::read(&path)? {
            Some(key) => key,
            None => {
                let key = ids.bytes32();
                files::write(&path, files::PRIVATE, &key)?;
                key.to_vec()
            }
        };
        let wrong = || {
            StartError::new(
                format!("{} is not a key of {KEY} bytes", path.display()),
                "restore it from a backup; without it the stored secrets cannot be read",
            )
        };
        let key: [u8; KEY] = key.try_into().map_err(|_| wrong())?;
        RandomizedNonceKey::new(&AES_256_GCM, &key).map(Self).map_err(|_| wrong())
    }

    /// Seals `secret`; `purpose` must be given again to open it, so that rows cannot be swapped.
    ///
    /// # Errors
    /// [`NotOurs`] if the library refuses, which it does not for texts of our size.
    pub fn close(&self, secret: &Secret, purpose: &str) -> Result<Vec<u8>, NotOurs> {
        let mut text = secret.expose().as_bytes().to_vec();
        let nonce =
            self.0.seal_in_place_append_tag(Aad::from(purpose.as_bytes()), &mut text).map_err(|_| NotOurs)?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut text);
        Ok(sealed)
    }

    /// Opens what [`Seal::close`] made.
    ///
    /// # Errors
    /// [`NotOurs`].
    pub fn open(&self, sealed: &[u8], purpose: &str) -> Result<Secret, NotOurs> {
        let (nonce, text) = sealed.split_at_checked(NONCE).ok_or(NotOurs)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotOurs)?;
        let mut text = text.to_vec();
        let open =
            self.0.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut text).map_err(|_| NotOurs)?;
        std::str::from_utf8(open).map(Secret::new).map_err(|_| NotOurs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_purpose_open() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let seal = Seal::of_folder(one.path(), &Ids::Real).unwrap();
        let again = Seal::of_folder(one.path(), &Ids::Real).unwrap();
        let other = Seal::of_folder(two.path(), &Ids::Real).unwrap();
        let sealed = seal.close(&Secret::new("hunter2"), "key A").unwrap();
        assert!(!sealed.windows(7).any(|w| w == b"hunter2"));
        assert_eq!(again.open(&sealed, "key A").unwrap().expose(), "hunter2");
        assert!(again.open(&sealed, "key B").is_err());
        assert!(other.open(&sealed, "key A").is_err());
        assert!(seal.open(&sealed[..5], "key A").is_err());
    }

    #[test]
    fn a_damaged_key_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("secret.key"), "short").unwrap();
        let error = Seal::of_folder(dir.path(), &Ids::Real).unwrap_err().to_string();
        assert!(error.contains("secret.key is not a key of 32 bytes"), "{error}");
    }
}
