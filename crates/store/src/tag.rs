//! Tags of tunnels.

use adit_iot::tag::{self, Tag};
use adit_iot::tunnel::Horizon;
use adit_iot::{Scope, TunnelId};

use crate::sql::{Tx, args};
use crate::{Result, Store, tunnel};

/// Outcome of setting tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tagged {
    /// They are set.
    Yes,
    /// There is no such tunnel to be seen.
    NotFound,
    /// The rules of [`adit_iot::tag::upsert`] refuse them.
    Refused(adit_iot::Error),
}

impl Store {
    /// Puts tags over those of a tunnel, by key.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn tags_set(
        &self,
        scope: &Scope,
        id: &TunnelId,
        tags: Vec<Tag>,
        at: Horizon,
    ) -> Result<Tagged> {
        let (scope, id) = (scope.clone(), id.clone());
        self.driver
            .write(move |tx| {
                let Some((seq, _)) = tunnel::find(tx, &scope, &id, at)? else { return Ok(Tagged::NotFound) };
                match tag::upsert(&list(tx, seq)?, &tags) {
                    Ok(merged) => replace(tx, seq, &merged).map(|()| Tagged::Yes),
                    Err(refusal) => Ok(Tagged::Refused(refusal)),
                }
            })
            .await
    }

    /// Takes tags off a tunnel; keys it does not have are ignored. `false`: no such tunnel to be seen.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn tags_remove(
        &self,
        scope: &Scope,
        id: &TunnelId,
        keys: Vec<String>,
        at: Horizon,
    ) -> Result<bool> {
        let (scope, id) = (scope.clone(), id.clone());
        self.driver
            .write(move |tx| {
                let Some((seq, _)) = tunnel::find(tx, &scope, &id, at)? else { return Ok(false) };
                for key in keys {
                    tx.run("DELETE FROM tunnel_tag WHERE tunnel = $1 AND key = $2", args![seq, key])?;
                }
                Ok(true)
            })
            .await
    }

    /// The tags of a tunnel by key. `None`: no such tunnel to be seen.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn tags_list(&self, scope: &Scope, id: &TunnelId, at: Horizon) -> Result<Option<Vec<Tag>>> {
        let (scope, id) = (scope.clone(), id.clone());
        self.driver
            .read(move |tx| match tunnel::find(tx, &scope, &id, at)? {
                None => Ok(None),
                Some((seq, _)) => list(tx, seq).map(Some),
            })
            .await
    }
}

fn list(tx: &Tx<'_>, tunnel: i64) -> Result<Vec<Tag>> {
    tx.rows("SELECT key, value FROM tunnel_tag WHERE tunnel = $1 ORDER BY key", args![tunnel], |row| {
        Ok(Tag { key: row.text(0)?, value: row.text(1)? })
    })
}

pub(crate) fn replace(tx: &Tx<'_>, tunnel: i64, tags: &[Tag]) -> Result<()> {
    tx.run("DELETE FROM tunnel_tag WHERE tunnel = $1", args![tunnel])?;
    for tag in tags {
        tx.run(
            "INSERT INTO tunnel_tag (tunnel, key, value) VALUES ($1, $2, $3)",
            args![tunnel, tag.key.as_str(), tag.value.as_str()],
        )?;
    }
    Ok(())
}
