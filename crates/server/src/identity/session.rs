//! Session tokens: what there is to know of temporary credentials, sealed, so that nothing is stored.
//!
//! Nobody without `secret.key` can make one, read one or change one, and it opens for its own key id only. The seal's
//! check takes the same time wherever a token differs.

use std::borrow::Cow;

use adit_iot::{Error, Kind, Secret, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{Caller, Key, Temporary, unknown_key};
use crate::seal::Seal;

/// Longest token that is looked at, in bytes: a session policy of 2048 characters of any kind, and the rest.
const LONGEST: usize = 16 * 1024;

/// What is sealed. Times in milliseconds.
#[derive(Serialize, Deserialize)]
struct Claims<'a> {
    secret: Cow<'a, str>,
    account: Cow<'a, str>,
    caller: Caller,
    issued_at: i64,
    expires_at: i64,
}

/// The token of key `id`.
pub(super) fn close(seal: &Seal, id: &str, key: &Key, life: Temporary) -> Result<Secret, Error> {
    let claims = Claims {
        secret: key.secret.expose().into(),
        account: key.account.as_str().into(),
        caller: key.caller.clone(),
        issued_at: life.issued_at.millis(),
        expires_at: life.expires_at.millis(),
    };
    let text = serde_json::to_string(&claims).map(Secret::new);
    let text = text.map_err(|error| Error::internal(format!("a session cannot be written: {error}")))?;
    let sealed = seal.close(&text, &purpose(id));
    let sealed = sealed.map_err(|_| Error::internal("a session cannot be sealed"))?;
    Ok(Secret::new(STANDARD.encode(sealed)))
}

/// The key `id` of a session.
///
/// # Errors
/// `Unauthenticated` for a token that is not ours or of another key, `Expired` when the session is over.
pub(super) fn open(seal: &Seal, id: &str, token: &str, now: Timestamp) -> Result<Key, Error> {
    if token.len() > LONGEST {
        return Err(unknown_key());
    }
    let sealed = STANDARD.decode(token).map_err(|_| unknown_key())?;
    let text = seal.open(&sealed, &purpose(id)).map_err(|_| unknown_key())?;
    let claims: Claims<'_> = serde_json::from_str(text.expose())
        .map_err(|error| Error::internal(format!("a session token of ours does not read: {error}")))?;
    if claims.expires_at <= now.millis() {
        return Err(Error::new(Kind::Expired, "The security token included in the request is expired"));
    }
    Ok(Key {
        secret: Secret::new(claims.secret),
        account: claims.account.into_owned(),
        caller: claims.caller,
        temporary: Some(Temporary {
            issued_at: Timestamp::from_millis(claims.issued_at),
            expires_at: Timestamp::from_millis(claims.expires_at),
        }),
    })
}

/// No stored secret is sealed for a purpose with a space in it.
fn purpose(id: &str) -> String {
    format!("session {id}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Ids;

    const ISSUED: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    fn seal() -> Seal {
        Seal::of_folder(tempfile::tempdir().unwrap().path(), &Ids::Real).unwrap()
    }

    #[test]
    fn a_token_opens_for_its_key_until_it_expires_and_not_when_changed() {
        let seal = seal();
        let key = Key {
            secret: Secret::new("hunter2\\\""),
            account: "123456789012".to_owned(),
            caller: Caller::Root,
            temporary: None,
        };
        let life = Temporary { issued_at: ISSUED, expires_at: ISSUED.plus_millis(900_000) };
        let token = close(&seal, "ASIA1", &key, life).unwrap();
        let found = open(&seal, "ASIA1", token.expose(), ISSUED.plus_millis(899_999)).unwrap();
        assert_eq!(found.secret.expose(), key.secret.expose());
        assert_eq!((found.caller, found.temporary), (Caller::Root, Some(life)));

        let late = open(&seal, "ASIA1", token.expose(), life.expires_at).unwrap_err();
        assert_eq!(late.kind, Kind::Expired);
        assert_eq!(open(&seal, "ASIA2", token.expose(), ISSUED).unwrap_err(), unknown_key());
        let other = self::seal();
        assert_eq!(open(&other, "ASIA1", token.expose(), ISSUED).unwrap_err(), unknown_key());
        let mut bytes = STANDARD.decode(token.expose()).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        for bad in [STANDARD.encode(bytes), String::new(), "%".to_owned(), "A".repeat(LONGEST + 1)] {
            assert_eq!(open(&seal, "ASIA1", &bad, ISSUED).unwrap_err(), unknown_key());
        }
    }
}
