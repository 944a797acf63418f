//! Device shadows. They are of a thing's name: the registry need not know it.

use adit_iot::shadow::{Kept, Refusal, ShadowName, Update, Updated, VERSION_KEPT_MILLIS};
use adit_iot::{Scope, ThingName, Timestamp};

use crate::sql::{Tx, args, unreadable};
use crate::{Page, Result, Store, tunnel};

/// What came of an update of a shadow: what to answer, or why it was refused.
pub type ShadowUpdated = std::result::Result<Updated, Refusal>;

impl Store {
    /// The shadow; version 0 without a document if there never was one. `name` is `None` for the classic one.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn shadow_get(
        &self,
        scope: &Scope,
        thing: &ThingName,
        name: Option<&ShadowName>,
    ) -> Result<Kept> {
        let key = Key::new(scope, thing, name);
        self.driver.read(move |tx| Ok(find(tx, &key)?.map(|(_, _, kept)| kept).unwrap_or_default())).await
    }

    /// Applies an update by the rules of [`Kept::updated`]; `limit` is the most bytes of state.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn shadow_update(
        &self,
        scope: &Scope,
        thing: &ThingName,
        name: Option<&ShadowName>,
        update: Update,
        limit: usize,
        now: Timestamp,
    ) -> Result<ShadowUpdated> {
        let key = Key::new(scope, thing, name);
        self.driver
            .write(move |tx| {
                let (seq, before) = match find(tx, &key)? {
                    None => (None, Kept::default()),
                    Some((seq, since, kept)) => {
                        let forgotten = kept.document.is_none()
                            && since.plus_millis(VERSION_KEPT_MILLIS).millis() <= now.millis();
                        (Some(seq), if forgotten { Kept::default() } else { kept })
                    }
                };
                let updated = match before.updated(&update, limit, now) {
                    Ok(updated) => updated,
                    Err(refusal) => return Ok(Err(refusal)),
                };
                write(tx, &key, seq, &updated.kept, now)?;
                Ok(Ok(updated))
            })
            .await
    }

    /// Deletes a shadow and tells what it was; its version is remembered. `None`: there is none.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn shadow_delete(
        &self,
        scope: &Scope,
        thing: &ThingName,
        name: Option<&ShadowName>,
        now: Timestamp,
    ) -> Result<Option<Kept>> {
        let key = Key::new(scope, thing, name);
        self.driver
            .write(move |tx| {
                let Some((seq, _, kept)) = find(tx, &key)?.filter(|(_, _, kept)| kept.document.is_some())
                else {
                    return Ok(None);
                };
                write(tx, &key, Some(seq), &Kept { document: None, ..kept.clone() }, now)?;
                Ok(Some(kept))
            })
            .await
    }

    /// Names of a thing's named shadows in order of creation; `after` is the position a page before ended at.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn shadow_names_page(
        &self,
        scope: &Scope,
        thing: &ThingName,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<ShadowName>> {
        let (scope, thing) = (scope.clone(), thing.clone());
        self.driver
            .read(move |tx| {
                let rows = tx.rows(
                    "SELECT seq, name FROM shadow WHERE account = $1 AND region = $2 AND thing = $3 AND seq > $4 \
                     AND name <> '' AND document IS NOT NULL ORDER BY seq LIMIT $5",
                    args![
                        scope.account(),
                        scope.region(),
                        thing.as_str(),
                        after.unwrap_or(0),
                        tunnel::rows(limit + 1)
                    ],
                    |row| Ok((row.int(0)?, ShadowName::parse(&row.text(1)?).map_err(unreadable)?)),
                )?;
                Ok(Page::of(rows, limit))
            })
            .await
    }

    /// Forgets the versions of at most `limit` shadows that were deleted before they need be remembered. Says how
    /// many.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn shadows_forget(&self, now: Timestamp, limit: usize) -> Result<u64> {
        let before = now.plus_millis(-VERSION_KEPT_MILLIS);
        self.driver
            .write(move |tx| {
                tx.run(
                    "DELETE FROM shadow WHERE seq IN \
                     (SELECT seq FROM shadow WHERE document IS NULL AND updated_at <= $1 LIMIT $2)",
                    args![before, tunnel::rows(limit)],
                )
            })
            .await
    }
}

/// Which shadow.
struct Key {
    scope: Scope,
    thing: ThingName,
    /// Empty for the classic one.
    name: String,
}

impl Key {
    fn new(scope: &Scope, thing: &ThingName, name: Option<&ShadowName>) -> Key {
        let name = name.map_or_else(String::new, ToString::to_string);
        Key { scope: scope.clone(), thing: thing.clone(), name }
    }
}

/// Its number, when it was written, and what is kept.
fn find(tx: &Tx<'_>, key: &Key) -> Result<Option<(i64, Timestamp, Kept)>> {
    tx.first(
        "SELECT seq, updated_at, version, document FROM shadow \
         WHERE account = $1 AND region = $2 AND thing = $3 AND name = $4",
        args![key.scope.account(), key.scope.region(), key.thing.as_str(), key.name.as_str()],
        |row| {
            let document = row.opt_text(3)?.map(|text| serde_json::from_str(&text)).transpose();
            let kept = Kept { version: row.int(2)?, document: document.map_err(unreadable)? };
            Ok((row.int(0)?, row.time(1)?, kept))
        },
    )
}

fn write(tx: &Tx<'_>, key: &Key, seq: Option<i64>, kept: &Kept, now: Timestamp) -> Result<()> {
    let document = kept.document.as_ref().map(serde_json::to_string).transpose().map_err(unreadable)?;
    match seq {
        Some(seq) => tx.run(
            "UPDATE shadow SET version = $2, document = $3, updated_at = $4 WHERE seq = $1",
            args![seq, kept.version, document, now],
        )?,
        None => tx.run(
            "INSERT INTO shadow (account, region, thing, name, version, document, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            args![
                key.scope.account(),
                key.scope.region(),
                key.thing.as_str(),
                key.name.as_str(),
                kept.version,
                document,
                now
            ],
        )?,
    };
    Ok(())
}
