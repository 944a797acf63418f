//! Random identifiers and secrets, real or from a seed.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

/// Where the server takes chance from.
#[derive(Debug, Clone)]
pub enum Ids {
    /// The operating system.
    Real,
    /// A counter hashed with a seed: repeatable, for tests only.
    Seeded(u64, Arc<AtomicU64>),
}

impl Ids {
    /// Repeatable identifiers for a test.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(seed, Arc::new(AtomicU64::new(0)))
    }

    /// 32 random bytes.
    ///
    /// # Panics
    /// When the operating system has no randomness: nothing safe can be done without it.
    #[must_use]
    pub fn bytes32(&self) -> [u8; 32] {
        match self {
            Self::Real => {
                let mut out = [0; 32];
                #[expect(clippy::expect_used, reason = "going on with guessable tokens would be worse")]
                getrandom::fill(&mut out).expect("the operating system gives random bytes");
                out
            }
            Self::Seeded(seed, count) => {
                let n = count.fetch_add(1, Ordering::Relaxed);
                Sha256::new().chain_update(seed.to_le_bytes()).chain_update(n.to_le_bytes()).finalize().into()
            }
        }
    }

    /// A version 4 UUID, lower case.
    #[must_use]
    pub fn uuid(&self) -> String {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = self.bytes32();
        uuid::Builder::from_random_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
            .into_uuid()
            .to_string()
    }

    /// A channel id: lower-case hex in groups of 16-8-8-16-8. spec: secure-tunneling §4.2
    #[must_use]
    pub fn channel(&self) -> String {
        let hex = self.hex();
        let mut out = String::with_capacity(60);
        let mut rest = hex.as_str();
        for (i, len) in [16, 8, 8, 16, 8].into_iter().enumerate() {
            let (group, tail) = rest.split_at(len);
            let _ = write!(out, "{}{group}", if i == 0 { "" } else { "-" });
            rest = tail;
        }
        out
    }

    /// An access key id of the shape every AWS SDK accepts: `AKIA` and 16 letters or digits.
    #[must_use]
    pub fn access_key_id(&self) -> String {
        self.letters("AKIA", 16)
    }

    /// The same for temporary credentials: `ASIA` and 16 letters or digits.
    #[must_use]
    pub fn session_key_id(&self) -> String {
        self.letters("ASIA", 16)
    }

    /// A unique id of IAM: four letters that say of what, and 17 letters or digits.
    #[must_use]
    pub fn iam_id(&self, of: &str) -> String {
        self.letters(of, 17)
    }

    fn letters(&self, first: &str, count: usize) -> String {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let letter = |b: u8| ALPHABET.get(usize::from(b & 31)).copied().map_or('A', char::from);
        first.chars().chain(self.bytes32().into_iter().take(count).map(letter)).collect()
    }

    /// A secret access key: 40 letters and digits, about 200 bits.
    #[must_use]
    pub fn secret_access_key(&self) -> String {
        use base64::Engine as _;
        let (a, b) = (self.bytes32(), self.bytes32());
        let text = base64::engine::general_purpose::STANDARD.encode([a, b].concat());
        text.chars().filter(char::is_ascii_alphanumeric).take(40).collect()
    }

    /// 64 random hex digits.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.bytes32())
    }
}

/// Lower-case hex of some bytes.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        let ids = Ids::Real;
        assert_eq!(ids.uuid().len(), 36);
        let groups: Vec<usize> = ids.channel().split('-').map(str::len).collect();
        assert_eq!(groups, [16, 8, 8, 16, 8]);
        let key = ids.access_key_id();
        assert!(key.len() == 20 && key.starts_with("AKIA"), "{key}");
        let (session, user) = (ids.session_key_id(), ids.iam_id("AIDA"));
        assert!(session.len() == 20 && session.starts_with("ASIA"), "{session}");
        assert!(user.len() == 21 && user.starts_with("AIDA"), "{user}");
        assert_eq!(ids.secret_access_key().len(), 40);
        assert_ne!(ids.bytes32(), ids.bytes32());
        assert_eq!(Ids::seeded(7).uuid(), Ids::seeded(7).uuid());
    }
}
