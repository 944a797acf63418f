//! Tags of what an ARN of service `iot` names. Those of tunnels are in `tag.rs`, with the tunnels' own rules.

use adit_iot::Scope;
use adit_iot::tag::{self, Kind, Tag, Taggable};

use crate::sql::{Tx, args};
use crate::{Result, Store, Tagged};

impl Store {
    /// Puts tags over those of a resource, by key.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn resource_tags_set(
        &self,
        scope: &Scope,
        resource: &Taggable,
        tags: Vec<Tag>,
    ) -> Result<Tagged> {
        let (scope, resource) = (scope.clone(), resource.clone());
        self.driver
            .write(move |tx| {
                if !exists(tx, &scope, &resource)? {
                    return Ok(Tagged::NotFound);
                }
                let resource = resource.to_string();
                match tag::upsert(&list(tx, &scope, &resource)?, &tags) {
                    Ok(merged) => replace(tx, &scope, &resource, &merged).map(|()| Tagged::Yes),
                    Err(refusal) => Ok(Tagged::Refused(refusal)),
                }
            })
            .await
    }

    /// Takes tags off a resource; keys it does not have are ignored. `false`: no such resource.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn resource_tags_remove(
        &self,
        scope: &Scope,
        resource: &Taggable,
        keys: Vec<String>,
    ) -> Result<bool> {
        let (scope, resource) = (scope.clone(), resource.clone());
        self.driver
            .write(move |tx| {
                if !exists(tx, &scope, &resource)? {
                    return Ok(false);
                }
                let resource = resource.to_string();
                for key in keys {
                    tx.run(
                        "DELETE FROM tag WHERE account = $1 AND region = $2 AND resource = $3 AND key = $4",
                        args![scope.account(), scope.region(), resource.as_str(), key],
                    )?;
                }
                Ok(true)
            })
            .await
    }

    /// The tags of a resource by key; none if there is no such resource.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn resource_tags_list(&self, scope: &Scope, resource: &Taggable) -> Result<Vec<Tag>> {
        let (scope, resource) = (scope.clone(), resource.to_string());
        self.driver.read(move |tx| list(tx, &scope, &resource)).await
    }
}

/// Whether there is such a resource. What this server does not keep is never there.
fn exists(tx: &Tx<'_>, scope: &Scope, resource: &Taggable) -> Result<bool> {
    let (table, name) = match resource.kind {
        Kind::Policy => ("policy", "name"),
        Kind::ThingType => ("thing_type", "name"),
        Kind::ThingGroup => ("thing_group", "name"),
        Kind::CaCertificate => ("ca", "id"),
        Kind::Template => ("provisioning_template", "name"),
        _ => return Ok(false),
    };
    let sql = format!("SELECT 1 FROM {table} WHERE account = $1 AND region = $2 AND {name} = $3");
    let found =
        tx.first(&sql, args![scope.account(), scope.region(), resource.name.as_str()], |row| row.int(0))?;
    Ok(found.is_some())
}

fn list(tx: &Tx<'_>, scope: &Scope, resource: &str) -> Result<Vec<Tag>> {
    tx.rows(
        "SELECT key, value FROM tag WHERE account = $1 AND region = $2 AND resource = $3 ORDER BY key",
        args![scope.account(), scope.region(), resource],
        |row| Ok(Tag { key: row.text(0)?, value: row.text(1)? }),
    )
}

/// Gives a resource these tags and no others. `resource` is the last part of its ARN, such as `policy/door`.
pub(crate) fn replace(tx: &Tx<'_>, scope: &Scope, resource: &str, tags: &[Tag]) -> Result<()> {
    tx.run(
        "DELETE FROM tag WHERE account = $1 AND region = $2 AND resource = $3",
        args![scope.account(), scope.region(), resource],
    )?;
    for tag in tags {
        tx.run(
            "INSERT INTO tag (account, region, resource, key, value) VALUES ($1, $2, $3, $4, $5)",
            args![scope.account(), scope.region(), resource, tag.key.as_str(), tag.value.as_str()],
        )?;
    }
    Ok(())
}
