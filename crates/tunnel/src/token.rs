//! Which access token is accepted, with which client token: pure rules over what the store knows.
//!
//! The judgement is advice: two upgrades may race, so the store carries out the [`Claim`] by compare and set,
//! and the loser is told [`Refusal::Used`].

use std::fmt;

use crate::Side;

/// What a client token made up by our own local proxy begins with. Such a token only bridges a dropped link;
/// the user never chose it and must not be told about a mismatch.
pub const AUTOMATIC_PREFIX: &str = "adit-auto-";

/// A hash of a client token. The text itself is never kept.
pub type Hash = [u8; 32];

/// A well-formed client token as presented in an upgrade.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClientToken {
    /// Hash of the text.
    pub hash: Hash,
    /// Whether our local proxy made it up, see [`is_automatic`].
    pub automatic: bool,
}

/// A client token that is not 32 to 128 letters, digits and hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invalid client token: it must be 32 to 128 letters, digits or hyphens")
    }
}

impl std::error::Error for Malformed {}

/// Checks the text of a client token. spec: secure-tunneling §2.2
pub fn check_client_token(text: &str) -> Result<(), Malformed> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if (32..=128).contains(&text.len()) && plain { Ok(()) } else { Err(Malformed) }
}

/// Whether a client token was made up by our local proxy: [`AUTOMATIC_PREFIX`] and 32 lower-case hexadecimal
/// digits.
pub fn is_automatic(text: &str) -> bool {
    text.strip_prefix(AUTOMATIC_PREFIX).is_some_and(|digits| {
        digits.len() == 32 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// What has been done with an access token so far. spec: secure-tunneling §2.3
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Never used.
    Fresh,
    /// Used once, without a client token.
    Consumed,
    /// First used with this client token, which must come along from then on.
    Bound(ClientToken),
}

/// An access token the store knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The side it was issued for.
    pub side: Side,
    /// Whether it can still open anything: not rotated away, its tunnel open and not expired.
    pub live: bool,
    /// What has been done with it.
    pub state: State,
}

/// How an accepted token is to be marked, atomically with the upgrade.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// From fresh to consumed.
    Consume,
    /// From fresh to bound. The store refuses with [`Refusal::Mismatch`] when the client token is already bound to
    /// another access token of an open tunnel of the account.
    Bind(ClientToken),
    /// Bound before to the same client token: nothing changes, a live connection is replaced.
    Reuse,
}

/// Why an upgrade is refused. spec: secure-tunneling §2.5
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The token was used before and may not be used again.
    Used,
    /// The client token is not the one the access token, or not the access token the client token, belongs to.
    Mismatch,
    /// Unknown, revoked, expired, closed, or for the other side: not told apart, so that nothing is revealed.
    Invalid,
}

impl Refusal {
    /// The HTTP status to answer with.
    pub fn status(self) -> u16 {
        match self {
            Refusal::Used | Refusal::Mismatch => 400,
            Refusal::Invalid => 403,
        }
    }

    /// The body to answer with; local proxies print it.
    pub fn text(self) -> &'static str {
        match self {
            Refusal::Used => {
                "Invalid access token: The access token was previously used and cannot be used again"
            }
            Refusal::Mismatch => {
                "Invalid client token: The provided client token does not match the client token that was \
                 previously set."
            }
            Refusal::Invalid => "Invalid access-token",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Refusal {}

/// Judges an upgrade for `side` with a token the store found (or not) and the client token that came along.
/// spec: secure-tunneling §2.3
pub fn judge(known: Option<&Known>, side: Side, presented: Option<ClientToken>) -> Result<Claim, Refusal> {
    let known = known.filter(|known| known.live && known.side == side).ok_or(Refusal::Invalid)?;
    match (known.state, presented) {
        (State::Fresh, None) => Ok(Claim::Consume),
        (State::Fresh, Some(token)) => Ok(Claim::Bind(token)),
        (State::Consumed, _) => Err(Refusal::Used),
        (State::Bound(bound), Some(token)) if token.hash == bound.hash => Ok(Claim::Reuse),
        (State::Bound(bound), _) => Err(if bound.automatic { Refusal::Used } else { Refusal::Mismatch }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHOSEN: ClientToken = ClientToken { hash: [1; 32], automatic: false };
    const OTHER: ClientToken = ClientToken { hash: [2; 32], automatic: false };
    const AUTOMATIC: ClientToken = ClientToken { hash: [3; 32], automatic: true };
    const OTHER_AUTOMATIC: ClientToken = ClientToken { hash: [4; 32], automatic: true };

    fn word(state: State, presented: Option<ClientToken>) -> &'static str {
        let known = Known { side: Side::Source, live: true, state };
        match judge(Some(&known), Side::Source, presented) {
            Ok(Claim::Consume) => "consume",
            Ok(Claim::Bind(token)) if Some(token) == presented => "bind",
            Ok(Claim::Bind(_)) => "bind another",
            Ok(Claim::Reuse) => "reuse",
            Err(Refusal::Used) => "used",
            Err(Refusal::Mismatch) => "mismatch",
            Err(Refusal::Invalid) => "invalid",
        }
    }

    /// spec: secure-tunneling §2.3, every cell, and the automatic client tokens.
    #[test]
    fn the_acceptance_table() {
        let presented = [None, Some(CHOSEN), Some(OTHER), Some(AUTOMATIC), Some(OTHER_AUTOMATIC)];
        let rows = [
            (State::Fresh, ["consume", "bind", "bind", "bind", "bind"]),
            (State::Consumed, ["used", "used", "used", "used", "used"]),
            (State::Bound(CHOSEN), ["mismatch", "reuse", "mismatch", "mismatch", "mismatch"]),
            (State::Bound(AUTOMATIC), ["used", "used", "used", "reuse", "used"]),
        ];
        for (state, expected) in rows {
            assert_eq!(presented.map(|token| word(state, token)), expected);
        }
    }

    #[test]
    fn a_token_that_opens_nothing_is_invalid_whatever_comes_along() {
        for state in [State::Fresh, State::Consumed, State::Bound(CHOSEN)] {
            for presented in [None, Some(CHOSEN)] {
                let dead = Known { side: Side::Source, live: false, state };
                let wrong_side = Known { side: Side::Destination, live: true, state };
                for known in [Some(&dead), Some(&wrong_side), None] {
                    assert!(judge(known, Side::Source, presented) == Err(Refusal::Invalid));
                }
            }
        }
    }

    #[test]
    fn client_tokens_are_32_to_128_plain_characters() {
        assert_eq!(check_client_token(&"a".repeat(31)), Err(Malformed));
        assert_eq!(check_client_token(&"aZ0-".repeat(8)), Ok(()));
        assert_eq!(check_client_token(&"a".repeat(128)), Ok(()));
        assert_eq!(check_client_token(&"a".repeat(129)), Err(Malformed));
        assert_eq!(check_client_token(&"_".repeat(40)), Err(Malformed));
        assert_eq!(check_client_token(&"ä".repeat(20)), Err(Malformed));
    }

    #[test]
    fn only_our_prefix_with_32_digits_is_automatic() {
        assert!(is_automatic(&format!("adit-auto-{}", "0123456789abcdef".repeat(2))));
        assert!(!is_automatic(&format!("adit-auto-{}", "0123456789ABCDEF".repeat(2))));
        assert!(!is_automatic("adit-auto-"));
        assert!(!is_automatic(&"a".repeat(42)));
        assert_eq!(check_client_token(&format!("{AUTOMATIC_PREFIX}{}", "f".repeat(32))), Ok(()));
    }

    #[test]
    fn refusals_say_what_local_proxies_print() {
        assert_eq!(
            Refusal::Used.text(),
            "Invalid access token: The access token was previously used and cannot be used again"
        );
        assert_eq!(
            Refusal::Mismatch.text(),
            "Invalid client token: The provided client token does not match the client token that was \
             previously set."
        );
        assert_eq!(
            (Refusal::Used.status(), Refusal::Mismatch.status(), Refusal::Invalid.status()),
            (400, 400, 403)
        );
    }
}
