//! Access keys: from a key id to its secret, and to who that is.

mod session;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use adit_iot::arn::partition;
use adit_iot::{Error, Kind, Secret, Timestamp};
use adit_store::{Credential, KeyUse, Store};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::files;
use crate::ids::Ids;
use crate::seal::Seal;
use crate::trouble::StartError;

/// Keys kept opened in memory; when there are more, all are forgotten and read again.
const CACHED: usize = 1024;
/// How long an opened key is believed, in milliseconds. A key taken away works at most this long.
const BELIEVED: i64 = 1_000;
/// How often at most a key's last use is noted, in milliseconds: each note is a write.
const NOTED: i64 = 15 * 60 * 1000;
/// The setting that says that the first access key was made.
const ROOT_KEY: &str = "root-access-key";

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The account, 12 digits.
    pub account: String,
    /// The ARN that audit rows and GetCallerIdentity show.
    pub arn: String,
    /// The id that GetCallerIdentity shows; for an account's root the account itself.
    pub user_id: String,
    /// The access key that signed.
    pub key_id: String,
    /// What it is, for who decides what it may do.
    pub caller: Caller,
    /// Since when and how long its credentials are good, if they are temporary.
    pub temporary: Option<Temporary>,
}

/// What kind of caller this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Caller {
    /// The account itself, which may do everything.
    Root,
    /// A user of the account.
    User(Member),
    /// A session of a role of the account.
    Role {
        /// The role.
        role: Member,
        /// The name that who assumed it gave the session.
        session: String,
        /// The session's own policy: it may do only what this allows too.
        policy: Option<String>,
    },
    /// A device with its certificate; its IoT policies decide.
    Device,
}

/// The user or role behind a caller. Its policies: [`Store::grants`] with `id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its unique id.
    pub id: String,
    /// The last part of its ARN: `user/ana`, `role/path/door`.
    pub resource: String,
}

impl Member {
    /// Its name without the path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.resource.rsplit('/').next().unwrap_or_default()
    }
}

/// The life of temporary credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Temporary {
    /// When they were made.
    pub issued_at: Timestamp,
    /// When they end.
    pub expires_at: Timestamp,
}

impl Principal {
    /// Who uses a key of an account. spec: control-plane §12
    #[must_use]
    pub fn new(
        account: &str,
        caller: Caller,
        temporary: Option<Temporary>,
        region: &str,
        key_id: &str,
    ) -> Self {
        let iam = |resource: &str| format!("arn:{}:iam::{account}:{resource}", partition(region));
        let (arn, user_id) = match &caller {
            Caller::Root | Caller::Device => (iam("root"), account.to_owned()),
            Caller::User(user) => (iam(&user.resource), user.id.clone()),
            Caller::Role { role, session, .. } => (
                format!("arn:{}:sts::{account}:assumed-role/{}/{session}", partition(region), role.name()),
                format!("{}:{session}", role.id),
            ),
        };
        Self { account: account.to_owned(), arn, user_id, key_id: key_id.to_owned(), caller, temporary }
    }

    /// The ARN of the root, user or role behind the caller: of a role's session the role, not the session.
    #[must_use]
    pub fn identity_arn(&self, region: &str) -> String {
        match &self.caller {
            Caller::Role { role, .. } => {
                format!("arn:{}:iam::{}:{}", partition(region), self.account, role.resource)
            }
            Caller::Root | Caller::User(_) | Caller::Device => self.arn.clone(),
        }
    }
}

/// A key that may sign.
#[derive(Debug, Clone)]
pub struct Key {
    /// What signatures are made with.
    pub secret: Secret,
    /// The account it belongs to.
    pub account: String,
    /// Who uses it.
    pub caller: Caller,
    /// How long it is good, if it is temporary.
    pub temporary: Option<Temporary>,
}

impl Key {
    /// Who signed with it, for that region.
    #[must_use]
    pub fn principal(&self, region: &str, key_id: &str) -> Principal {
        Principal::new(&self.account, self.caller.clone(), self.temporary, region, key_id)
    }
}

/// A key as it is remembered.
#[derive(Debug)]
struct Opened {
    /// When it was read, in milliseconds.
    at: i64,
    key: Key,
    /// When the store was last told of its use, in milliseconds.
    noted: i64,
}

/// Finds keys: in the store, in a session token, or any 12-digit id when the operator allowed that.
pub struct Keys {
    seal: Seal,
    any_account: Option<Secret>,
    opened: Mutex<HashMap<String, Opened>>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(hidden)")
    }
}

impl Keys {
    /// Keys sealed with `seal`. With `any_account`, every 12-digit id is a key of that account with this secret.
    #[must_use]
    pub fn new(seal: Seal, any_account: Option<Secret>) -> Self {
        Self { seal, any_account, opened: Mutex::default() }
    }

    /// The key of that id, which with a session token must be the one the token was made for.
    ///
    /// # Errors
    /// `Unauthenticated` if it is unknown, switched off, of another token or of a user that is gone; `Expired` for a session that is over; the
    /// store's own, or `Internal` when a stored secret does not open.
    pub async fn find(
        &self,
        store: &Store,
        id: &str,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<Key, Error> {
        if let Some(token) = token {
            let mut key = session::open(&self.seal, id, token, now)?;
            // A user may have another name since; who has the old one by now is somebody else.
            if let Caller::User(user) = &mut key.caller {
                let found = store.identity_by_id(&key.account, &user.id).await?;
                user.resource = found.ok_or_else(unknown_key)?.resource();
            }
            return Ok(key);
        }
        if let Some(key) = self.any_account_key(id) {
            return Ok(key);
        }
        if let Some(opened) = self.cache().get(id).filter(|opened| now.millis() - opened.at < BELIEVED) {
            return Ok(opened.key.clone());
        }
        let row = store.credential_get(id).await?.filter(|row| row.active).ok_or_else(unknown_key)?;
        let secret = self.seal.open(&row.sealed, id).map_err(|_| {
            Error::internal(format!(
                "the secret of {id} does not open with secret.key; is that the right file?"
            ))
        })?;
        let caller = match row.user_id {
            Some(id) => Caller::User(Member { id, resource: row.principal }),
            None if row.principal == "root" => Caller::Root,
            None => return Err(unknown_key()),
        };
        let key = Key { secret, account: row.account, caller, temporary: None };
        let noted = row.last_used.map_or(i64::MIN, |used| used.at.millis());
        let mut opened = self.cache();
        if opened.len() >= CACHED {
            opened.clear();
        }
        opened.insert(id.to_owned(), Opened { at: now.millis(), key: key.clone(), noted });
        Ok(key)
    }

    /// Whether the key that somebody signed with has not been switched off or taken away since. Sessions end by time.
    ///
    /// # Errors
    /// The store's own.
    pub async fn still_signs(
        &self,
        store: &Store,
        principal: &Principal,
        now: Timestamp,
    ) -> Result<bool, Error> {
        if principal.temporary.is_some() {
            return Ok(true);
        }
        match self.find(store, &principal.key_id, None, now).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind == Kind::Unauthenticated => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Notes the use of a key, once in a quarter of an hour at most.
    ///
    /// # Errors
    /// The store's own.
    pub async fn used(&self, store: &Store, id: &str, used: KeyUse) -> Result<(), Error> {
        let due = match self.cache().get_mut(id) {
            Some(opened) if used.at.millis().saturating_sub(opened.noted) >= NOTED => {
                opened.noted = used.at.millis();
                true
            }
            _ => false,
        };
        if due {
            store.credential_used(id, used).await?;
        }
        Ok(())
    }

    /// Reads a key anew at its next use: it was switched off or taken away.
    pub fn forget(&self, id: &str) {
        self.cache().remove(id);
    }

    /// A secret, sealed as the key of that id has it in the store.
    ///
    /// # Errors
    /// `Internal` if it cannot be sealed.
    pub fn sealed(&self, id: &str, secret: &Secret) -> Result<Vec<u8>, Error> {
        self.seal.close(secret, id).map_err(|_| Error::internal("a secret cannot be sealed"))
    }

    /// The token of a session: everything that [`Keys::find`] needs to know of it, sealed.
    ///
    /// # Errors
    /// `Internal` if it cannot be sealed.
    pub fn session_token(&self, id: &str, key: &Key, life: Temporary) -> Result<Secret, Error> {
        session::close(&self.seal, id, key, life)
    }

    /// spec: control-plane §3
    fn any_account_key(&self, id: &str) -> Option<Key> {
        let secret = self.any_account.clone()?;
        let account = id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit());
        account.then(|| Key { secret, account: id.to_owned(), caller: Caller::Root, temporary: None })
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, HashMap<String, Opened>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the first access key, once in the life of a data folder, and writes it as an AWS credentials file.
    /// Says whether it was made now.
    ///
    /// # Errors
    /// The store or the file refuse.
    pub async fn first_key(
        &self,
        store: &Store,
        config: &Config,
        ids: &Ids,
        now: Timestamp,
    ) -> Result<bool, StartError> {
        let failed = |e: adit_store::Error| {
            StartError::new(format!("cannot keep the first access key: {e}"), "see above")
        };
        if store.setting_get(ROOT_KEY).await.map_err(failed)?.is_some() {
            return Ok(false);
        }
        let (id, secret) = (ids.access_key_id(), Secret::new(ids.secret_access_key()));
        let sealed = self
            .seal
            .close(&secret, &id)
            .map_err(|_| StartError::new("cannot seal the first access key", "report this as a defect"))?;
        // The file first: a key that was stored but never shown would be of no use.
        let path = credentials_file(&config.node.data_dir);
        let text = format!(
            "# The first access key of this adit server, in the syntax of AWS's credentials file.\n[default]\naws_access_key_id = {id}\naws_secret_access_key = {}\n",
            secret.expose()
        );
        files::write(&path, files::PRIVATE, text.as_bytes())?;
        let row = Credential {
            key_id: id.clone(),
            account: config.account.clone(),
            principal: "root".to_owned(),
            user_id: None,
            sealed,
            active: true,
            created_at: now,
            last_used: None,
        };
        store.credential_put(row).await.map_err(failed)?;
        store.setting_put(ROOT_KEY, id).await.map_err(failed)?;
        Ok(true)
    }
}

/// Where the first access key is written.
#[must_use]
pub fn credentials_file(data_dir: &Path) -> PathBuf {
    data_dir.join("credentials")
}

/// The refusal of an unknown key, or of a session token that is not that key's. spec: control-plane §3
#[must_use]
pub fn unknown_key() -> Error {
    Error::new(Kind::Unauthenticated, "The security token included in the request is invalid.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    #[tokio::test]
    async fn the_first_key_is_made_once_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::memory().unwrap();
        let mut config = Config::default();
        config.node.data_dir = dir.path().to_owned();
        let keys = Keys::new(Seal::of_folder(dir.path(), &Ids::Real).unwrap(), None);
        assert!(keys.first_key(&store, &config, &Ids::Real, NOW).await.unwrap());
        assert!(!keys.first_key(&store, &config, &Ids::Real, NOW).await.unwrap());
        let text = std::fs::read_to_string(credentials_file(dir.path())).unwrap();
        let value = |name: &str| {
            text.lines()
                .find_map(|l| l.strip_prefix(name))
                .map(|v| v.trim_start_matches(" = ").to_owned())
                .unwrap()
        };
        let (id, secret) = (value("aws_access_key_id"), value("aws_secret_access_key"));
        let key = keys.find(&store, &id, None, NOW).await.unwrap();
        assert_eq!((key.secret.expose(), key.account.as_str()), (secret.as_str(), "123456789012"));
        for unknown in ["AKIANOBODY", "111122223333"] {
            assert_eq!(keys.find(&store, unknown, None, NOW).await.unwrap_err(), unknown_key());
        }
    }

    #[tokio::test]
    async fn a_key_taken_away_stops_working_within_a_second() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::memory().unwrap();
        let seal = Seal::of_folder(dir.path(), &Ids::Real).unwrap();
        let sealed = seal.close(&Secret::new("s"), "AKIA1").unwrap();
        let row = Credential {
            key_id: "AKIA1".into(),
            account: "123456789012".into(),
            principal: "root".into(),
            user_id: None,
            sealed,
            active: true,
            created_at: NOW,
            last_used: None,
        };
        store.credential_put(row).await.unwrap();
        let keys = Keys::new(seal, None);
        assert!(keys.find(&store, "AKIA1", None, NOW).await.is_ok());
        store.credential_delete("AKIA1").await.unwrap();
        assert!(keys.find(&store, "AKIA1", None, NOW).await.is_ok());
        let later = NOW.plus_millis(BELIEVED);
        assert_eq!(keys.find(&store, "AKIA1", None, later).await.unwrap_err(), unknown_key());
        keys.forget("AKIA1");
        assert_eq!(keys.find(&store, "AKIA1", None, NOW).await.unwrap_err(), unknown_key());
    }

    #[tokio::test]
    async fn any_account_only_when_the_operator_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::memory().unwrap();
        let seal = Seal::of_folder(dir.path(), &Ids::Real).unwrap();
        let keys = Keys::new(seal, Some(Secret::new("shared")));
        let key = keys.find(&store, "111122223333", None, NOW).await.unwrap();
        assert_eq!(key.account, "111122223333");
        for id in ["11112222333", "1111222233334", "11112222333a"] {
            assert!(keys.find(&store, id, None, NOW).await.is_err(), "{id}");
        }
    }
}
