//! Access keys: from a key id to its secret, and to who that is.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use adit_iot::arn::partition;
use adit_iot::{Error, Kind, Secret, Timestamp};
use adit_store::{Credential, Store};

use crate::config::Config;
use crate::files;
use crate::ids::Ids;
use crate::seal::Seal;
use crate::trouble::StartError;

/// Keys kept opened in memory; when there are more, all are forgotten and read again.
const CACHED: usize = 1024;
/// How long an opened key is believed, in milliseconds. A key taken away works at most this long.
const BELIEVED: i64 = 1_000;
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
}

impl Principal {
    /// Who uses a key: `name` is the tail of an IAM ARN, such as `root`. spec: control-plane §12
    #[must_use]
    pub fn new(account: &str, name: &str, region: &str, key_id: &str) -> Self {
        Self {
            account: account.to_owned(),
            arn: format!("arn:{}:iam::{account}:{name}", partition(region)),
            user_id: if name == "root" { account.to_owned() } else { key_id.to_owned() },
            key_id: key_id.to_owned(),
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
    /// Who uses it, the tail of an IAM ARN.
    pub name: String,
}

/// Finds keys: in the store, or any 12-digit id when the operator allowed that.
pub struct Keys {
    seal: Seal,
    any_account: Option<Secret>,
    opened: Mutex<HashMap<String, (i64, Key)>>,
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

    /// The key of that id. `None` if it is unknown or switched off.
    ///
    /// # Errors
    /// The store's own, or `Internal` when a stored secret does not open.
    pub async fn find(&self, store: &Store, id: &str, now: Timestamp) -> Result<Option<Key>, Error> {
        if let Some(key) = self.any_account_key(id) {
            return Ok(Some(key));
        }
        if let Some((_, key)) = self.cache().get(id).filter(|(at, _)| now.millis() - at < BELIEVED) {
            return Ok(Some(key.clone()));
        }
        let Some(row) = store.credential_get(id).await?.filter(|row| row.active) else { return Ok(None) };
        let secret = self.seal.open(&row.sealed, id).map_err(|_| {
            Error::internal(format!(
                "the secret of {id} does not open with secret.key; is that the right file?"
            ))
        })?;
        let key = Key { secret, account: row.account, name: row.principal };
        let mut opened = self.cache();
        if opened.len() >= CACHED {
            opened.clear();
        }
        opened.insert(id.to_owned(), (now.millis(), key.clone()));
        Ok(Some(key))
    }

    /// spec: control-plane §3
    fn any_account_key(&self, id: &str) -> Option<Key> {
        let secret = self.any_account.clone()?;
        let account = id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit());
        account.then(|| Key { secret, account: id.to_owned(), name: "root".to_owned() })
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, HashMap<String, (i64, Key)>> {
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
            sealed,
            active: true,
            created_at: now,
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

/// The refusal of an unknown key, or of a session token, which no key of ours has. spec: control-plane §3
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
        let key = keys.find(&store, &id, NOW).await.unwrap().unwrap();
        assert_eq!((key.secret.expose(), key.account.as_str()), (secret.as_str(), "123456789012"));
        assert!(keys.find(&store, "AKIANOBODY", NOW).await.unwrap().is_none());
        assert!(keys.find(&store, "111122223333", NOW).await.unwrap().is_none());
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
            principal: "user/ana".into(),
            sealed,
            active: true,
            created_at: NOW,
        };
        store.credential_put(row).await.unwrap();
        let keys = Keys::new(seal, None);
        assert!(keys.find(&store, "AKIA1", NOW).await.unwrap().is_some());
        store.credential_delete("AKIA1").await.unwrap();
        assert!(keys.find(&store, "AKIA1", NOW.plus_millis(BELIEVED)).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn any_account_only_when_the_operator_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::memory().unwrap();
        let seal = Seal::of_folder(dir.path(), &Ids::Real).unwrap();
        let keys = Keys::new(seal, Some(Secret::new("shared")));
        let key = keys.find(&store, "111122223333", NOW).await.unwrap().unwrap();
        assert_eq!(key.account, "111122223333");
        for id in ["11112222333", "1111222233334", "11112222333a"] {
            assert!(keys.find(&store, id, NOW).await.unwrap().is_none(), "{id}");
        }
    }
}
