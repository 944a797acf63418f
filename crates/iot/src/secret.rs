//! Text that must not be seen: masked when printed, wiped when dropped.

use std::fmt;

use serde::Serializer;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// A secret. `Debug` and `Display` print a mask; the memory is wiped on drop.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes hold of a secret.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(Zeroizing::new(text.into()))
    }

    /// The secret itself. Every use of this is a place to look at in a review.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `other` is the same; the time taken depends on the lengths only.
    pub fn matches(&self, other: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(other).into()
    }

    /// Serialises the secret itself, for the one reply that hands it out:
    /// `#[serde(serialize_with = "Secret::serialize_exposed")]`.
    ///
    /// # Errors
    /// Only the serializer's own.
    pub fn serialize_exposed<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose())
    }

    /// Like [`Secret::serialize_exposed`] for an optional member; combine with `skip_serializing_if`.
    ///
    /// # Errors
    /// Only the serializer's own.
    pub fn serialize_exposed_option<S: Serializer>(
        secret: &Option<Secret>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match secret {
            Some(secret) => serializer.serialize_str(secret.expose()),
            None => serializer.serialize_none(),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "*** Secret(***)");
        assert!(secret.matches(b"hunter2"));
        assert!(!secret.matches(b"hunter"));
        assert!(!secret.matches(b"hunter3"));
    }
}
