//! Named provisioning templates and their versions.

use adit_iot::provisioning::{
    Hook, MAX_TEMPLATES, MAX_VERSIONS, ProvisioningTemplate, TemplateName, TemplateType, TemplateVersion,
};
use adit_iot::tag::Tag;
use adit_iot::{Scope, Timestamp};

use crate::sql::{Row, Tx, args, unreadable};
use crate::{Page, Result, Store, resource_tag, tunnel};

/// Outcome of creating a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateCreated {
    /// It is there.
    Yes,
    /// There is one of that name; nothing changed.
    Exists,
    /// The scope has [`MAX_TEMPLATES`].
    TooMany,
}

/// What to change of a template; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateChange {
    /// Another description; an empty one takes it away.
    pub description: Option<String>,
    /// Whether devices may be provisioned with it.
    pub enabled: Option<bool>,
    /// The version that counts.
    pub default_version: Option<i64>,
    /// Another role.
    pub role_arn: Option<String>,
    /// Another hook, or none.
    pub hook: Option<Option<Hook>>,
}

/// Outcome of changing a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateUpdated {
    /// It is as wanted.
    Yes,
    /// There is none of that name.
    NotFound,
    /// It has no version of the number that was to count.
    NoVersion,
}

/// Outcome of deleting a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateDeleted {
    /// It is gone, with its versions and tags.
    Yes,
    /// There is none of that name.
    NotFound,
    /// The registration config of a CA names it.
    InUse,
}

/// Outcome of adding a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateVersionCreated {
    /// It is there.
    Yes(TemplateVersion),
    /// There is no template of that name.
    NotFound,
    /// The template has [`MAX_VERSIONS`].
    TooMany,
}

/// Outcome of deleting a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateVersionDeleted {
    /// It is gone.
    Yes,
    /// There is no template of that name.
    NoTemplate,
    /// The template has no such version.
    NoVersion,
    /// It is the one that counts.
    Default,
}

impl Store {
    /// Creates a template whose version 1 is the default, with its tags.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn template_create(
        &self,
        scope: &Scope,
        new: ProvisioningTemplate,
        tags: Vec<Tag>,
    ) -> Result<TemplateCreated> {
        let scope = scope.clone();
        self.driver
            .write(move |tx| {
                if head(tx, &scope, &new.name)?.is_some() {
                    return Ok(TemplateCreated::Exists);
                }
                let sql = "SELECT COUNT(*) FROM provisioning_template WHERE account = $1 AND region = $2";
                let count = tx.first(sql, args![scope.account(), scope.region()], |row| row.int(0))?;
                if count.is_some_and(|count| count >= tunnel::rows(MAX_TEMPLATES)) {
                    return Ok(TemplateCreated::TooMany);
                }
                insert(tx, &scope, &new)?;
                resource_tag::replace(tx, &scope, &format!("provisioningtemplate/{}", new.name), &tags)?;
                Ok(TemplateCreated::Yes)
            })
            .await
    }

    /// The template of that name, with its default version.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn template_get(
        &self,
        scope: &Scope,
        name: &TemplateName,
    ) -> Result<Option<ProvisioningTemplate>> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver
            .read(move |tx| {
                let sql = format!("{SELECT} WHERE t.account = $1 AND t.region = $2 AND t.name = $3");
                let found = tx.first(&sql, args![scope.account(), scope.region(), name.as_str()], read)?;
                Ok(found.map(|(_, template)| template))
            })
            .await
    }

    /// Templates of the scope, in order of creation. `after` is the position a page before ended at.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn templates_page(
        &self,
        scope: &Scope,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<ProvisioningTemplate>> {
        let scope = scope.clone();
        self.driver
            .read(move |tx| {
                let sql = format!(
                    "{SELECT} WHERE t.account = $1 AND t.region = $2 AND t.seq > $3 ORDER BY t.seq LIMIT $4"
                );
                let (after, count) = (after.unwrap_or(0), tunnel::rows(limit + 1));
                let rows = tx.rows(&sql, args![scope.account(), scope.region(), after, count], read)?;
                Ok(Page::of(rows, limit))
            })
            .await
    }

    /// Changes a template.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn template_update(
        &self,
        scope: &Scope,
        name: &TemplateName,
        change: TemplateChange,
        now: Timestamp,
    ) -> Result<TemplateUpdated> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver.write(move |tx| update(tx, &scope, &name, change, now)).await
    }

    /// Deletes a template that no CA names.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn template_delete(&self, scope: &Scope, name: &TemplateName) -> Result<TemplateDeleted> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver
            .write(move |tx| {
                let Some(head) = head(tx, &scope, &name)? else { return Ok(TemplateDeleted::NotFound) };
                let named = tx.first(
                    "SELECT seq FROM ca WHERE account = $1 AND region = $2 AND template_name = $3 LIMIT 1",
                    args![scope.account(), scope.region(), name.as_str()],
                    |row| row.int(0),
                )?;
                if named.is_some() {
                    return Ok(TemplateDeleted::InUse);
                }
                tx.run("DELETE FROM provisioning_template WHERE seq = $1", args![head.seq])?;
                Ok(TemplateDeleted::Yes)
            })
            .await
    }

    /// Adds a version, as the default one if `set_default`.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn template_version_create(
        &self,
        scope: &Scope,
        name: &TemplateName,
        body: String,
        set_default: bool,
        now: Timestamp,
    ) -> Result<TemplateVersionCreated> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver
            .write(move |tx| {
                let Some(head) = head(tx, &scope, &name)? else {
                    return Ok(TemplateVersionCreated::NotFound);
                };
                let sql = "SELECT COUNT(*) FROM provisioning_template_version WHERE template = $1";
                let count = tx.first(sql, args![head.seq], |row| row.int(0))?;
                if count.is_some_and(|count| count >= tunnel::rows(MAX_VERSIONS)) {
                    return Ok(TemplateVersionCreated::TooMany);
                }
                let version = head.last_version + 1;
                insert_version(tx, head.seq, version, &body, now)?;
                let default = if set_default { version } else { head.default_version };
                tx.run(
                    "UPDATE provisioning_template SET last_version = $2, default_version = $3, updated_at = $4 \
                     WHERE seq = $1",
                    args![head.seq, version, default, now],
                )?;
                let made = TemplateVersion { version, is_default: set_default, body, created_at: now };
                Ok(TemplateVersionCreated::Yes(made))
            })
            .await
    }

    /// The versions of a template, newest first. `None`: there is no template of that name.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn template_versions(
        &self,
        scope: &Scope,
        name: &TemplateName,
    ) -> Result<Option<Vec<TemplateVersion>>> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver
            .read(move |tx| {
                let Some(head) = head(tx, &scope, &name)? else { return Ok(None) };
                let versions = tx.rows(
                    "SELECT version, body, created_at FROM provisioning_template_version WHERE template = $1 \
                     ORDER BY version DESC",
                    args![head.seq],
                    |row| {
                        let version = row.int(0)?;
                        Ok(TemplateVersion {
                            version,
                            is_default: version == head.default_version,
                            body: row.text(1)?,
                            created_at: row.time(2)?,
                        })
                    },
                )?;
                Ok(Some(versions))
            })
            .await
    }

    /// Deletes a version that is not the default one.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn template_version_delete(
        &self,
        scope: &Scope,
        name: &TemplateName,
        version: i64,
    ) -> Result<TemplateVersionDeleted> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver
            .write(move |tx| {
                let Some(head) = head(tx, &scope, &name)? else {
                    return Ok(TemplateVersionDeleted::NoTemplate);
                };
                if version == head.default_version {
                    return Ok(TemplateVersionDeleted::Default);
                }
                let gone = tx.run(
                    "DELETE FROM provisioning_template_version WHERE template = $1 AND version = $2",
                    args![head.seq, version],
                )?;
                let outcome =
                    if gone > 0 { TemplateVersionDeleted::Yes } else { TemplateVersionDeleted::NoVersion };
                Ok(outcome)
            })
            .await
    }
}

const SELECT: &str = "SELECT t.seq, t.name, t.kind, t.description, t.enabled, t.role_arn, t.hook_arn, t.hook_version, \
     t.default_version, v.body, t.created_at, t.updated_at FROM provisioning_template t \
     JOIN provisioning_template_version v ON v.template = t.seq AND v.version = t.default_version";

fn read(row: &Row<'_>) -> Result<(i64, ProvisioningTemplate)> {
    let hook = row.opt_text(6)?.zip(row.opt_text(7)?);
    let template = ProvisioningTemplate {
        name: TemplateName::parse(&row.text(1)?).map_err(unreadable)?,
        kind: TemplateType::parse(&row.text(2)?).map_err(unreadable)?,
        description: row.opt_text(3)?,
        enabled: row.bool(4)?,
        role_arn: row.text(5)?,
        hook: hook.map(|(target_arn, payload_version)| Hook { target_arn, payload_version }),
        default_version: row.int(8)?,
        body: row.text(9)?,
        created_at: row.time(10)?,
        updated_at: row.time(11)?,
    };
    Ok((row.int(0)?, template))
}

/// A template's numbers.
struct Head {
    seq: i64,
    default_version: i64,
    last_version: i64,
}

fn head(tx: &Tx<'_>, scope: &Scope, name: &TemplateName) -> Result<Option<Head>> {
    tx.first(
        "SELECT seq, default_version, last_version FROM provisioning_template \
         WHERE account = $1 AND region = $2 AND name = $3",
        args![scope.account(), scope.region(), name.as_str()],
        |row| Ok(Head { seq: row.int(0)?, default_version: row.int(1)?, last_version: row.int(2)? }),
    )
}

fn insert(tx: &Tx<'_>, scope: &Scope, new: &ProvisioningTemplate) -> Result<()> {
    let seq = tx.first(
        "INSERT INTO provisioning_template (account, region, name, kind, description, enabled, role_arn, hook_arn, \
         hook_version, default_version, last_version, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, 1, $10, $10) RETURNING seq",
        args![
            scope.account(),
            scope.region(),
            new.name.as_str(),
            new.kind.as_str(),
            new.description.as_deref(),
            new.enabled,
            new.role_arn.as_str(),
            new.hook.as_ref().map(|hook| hook.target_arn.as_str()),
            new.hook.as_ref().map(|hook| hook.payload_version.as_str()),
            new.created_at,
        ],
        |row| row.int(0),
    )?;
    let seq = seq.ok_or_else(|| unreadable("the new provisioning template has no number"))?;
    insert_version(tx, seq, 1, &new.body, new.created_at)
}

fn insert_version(tx: &Tx<'_>, template: i64, version: i64, body: &str, now: Timestamp) -> Result<()> {
    tx.run(
        "INSERT INTO provisioning_template_version (template, version, body, created_at) VALUES ($1, $2, $3, $4)",
        args![template, version, body, now],
    )?;
    Ok(())
}

fn update(
    tx: &Tx<'_>,
    scope: &Scope,
    name: &TemplateName,
    change: TemplateChange,
    now: Timestamp,
) -> Result<TemplateUpdated> {
    let Some(head) = head(tx, scope, name)? else { return Ok(TemplateUpdated::NotFound) };
    if let Some(version) = change.default_version {
        let sql = "SELECT version FROM provisioning_template_version WHERE template = $1 AND version = $2";
        if tx.first(sql, args![head.seq, version], |row| row.int(0))?.is_none() {
            return Ok(TemplateUpdated::NoVersion);
        }
    }
    let Some((_, there)) = tx.first(&format!("{SELECT} WHERE t.seq = $1"), args![head.seq], read)? else {
        return Err(unreadable("a provisioning template has no default version"));
    };
    let hook = change.hook.unwrap_or(there.hook);
    let description = change.description.or(there.description).filter(|text| !text.is_empty());
    tx.run(
        "UPDATE provisioning_template SET description = $2, enabled = $3, role_arn = $4, hook_arn = $5, \
         hook_version = $6, default_version = $7, updated_at = $8 WHERE seq = $1",
        args![
            head.seq,
            description,
            change.enabled.unwrap_or(there.enabled),
            change.role_arn.unwrap_or(there.role_arn),
            hook.as_ref().map(|hook| hook.target_arn.as_str()),
            hook.as_ref().map(|hook| hook.payload_version.as_str()),
            change.default_version.unwrap_or(there.default_version),
            now,
        ],
    )?;
    Ok(TemplateUpdated::Yes)
}
