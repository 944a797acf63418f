//! Small facts of this installation, by name.

use crate::sql::{Tx, args};
use crate::{Result, Store};

impl Store {
    /// The setting of that name.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn setting_get(&self, name: &'static str) -> Result<Option<String>> {
        self.driver
            .read(move |tx| {
                tx.first("SELECT value FROM setting WHERE name = $1", args![name], |row| row.text(0))
            })
            .await
    }

    /// Keeps a setting, over what was there.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn setting_put(&self, name: &'static str, value: String) -> Result<()> {
        self.driver.write(move |tx| put(tx, name, &value)).await
    }
}

pub(crate) fn put(tx: &Tx<'_>, name: &str, value: &str) -> Result<()> {
    tx.run(
        "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2",
        args![name, value],
    )?;
    Ok(())
}

/// Changes nothing that matters, but has to be written.
pub(crate) fn touch(tx: &Tx<'_>) -> Result<()> {
    put(tx, "touched", "")
}
