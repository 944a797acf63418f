//! Which policies count for whom.

use adit_iot::principal::Target;
use adit_iot::{PolicyName, Scope};

use crate::sql::{Tx, args, unreadable};
use crate::{Order, Page, Result, Store, certificate, policy, thing_group, tunnel};

/// Outcome of attaching a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// It is attached now.
    Yes,
    /// It was attached before; nothing changed.
    Already,
    /// There is no policy of that name.
    NoPolicy,
    /// There is no such certificate or group.
    NoTarget,
    /// The target has as many policies as it may have.
    TooMany,
}

/// Which targets of a policy a listing shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyTargets {
    /// All.
    All,
    /// Certificates and Cognito identities, no groups.
    Principals,
}

/// Outcome of detaching a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detached {
    /// It is detached now.
    Yes,
    /// There is no policy of that name.
    NoPolicy,
    /// It was not attached to that target.
    NotAttached,
}

impl Store {
    /// Attaches a policy to a certificate, group or identity, unless that has `most` already.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn policy_attach(
        &self,
        scope: &Scope,
        name: &PolicyName,
        target: &Target,
        most: usize,
    ) -> Result<Attached> {
        let (scope, name, target) = (scope.clone(), name.clone(), target.clone());
        self.driver.write(move |tx| attach(tx, &scope, &name, &target, most)).await
    }

    /// Detaches a policy.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn policy_detach(&self, scope: &Scope, name: &PolicyName, target: &Target) -> Result<Detached> {
        let (scope, name, target) = (scope.clone(), name.clone(), target.text(scope));
        self.driver
            .write(move |tx| {
                let Some(head) = policy::head(tx, &scope, &name)? else { return Ok(Detached::NoPolicy) };
                let gone = tx.run(
                    "DELETE FROM attachment WHERE account = $1 AND region = $2 AND target = $3 AND policy = $4",
                    args![scope.account(), scope.region(), target, head.seq],
                )?;
                Ok(if gone > 0 { Detached::Yes } else { Detached::NotAttached })
            })
            .await
    }

    /// Names of the policies attached to a target, an ARN or a Cognito identity; none for an unknown one. `after` is
    /// the position a page before ended at.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn attached_policies_page(
        &self,
        scope: &Scope,
        target: &str,
        order: Order,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Page<PolicyName>> {
        let (scope, target) = (scope.clone(), target.to_owned());
        self.driver
            .read(move |tx| {
                let (beyond, way) = order.sql(4);
                let sql = format!(
                    "SELECT a.seq, p.name FROM attachment a JOIN policy p ON p.seq = a.policy WHERE a.account = $1 \
                     AND a.region = $2 AND a.target = $3 AND a.seq {beyond} ORDER BY a.seq {way} LIMIT $5"
                );
                let (start, count) = (order.start(after), tunnel::rows(limit + 1));
                let rows = tx.rows(&sql, args![scope.account(), scope.region(), target, start, count], |row| {
                    Ok((row.int(0)?, PolicyName::parse(&row.text(1)?).map_err(unreadable)?))
                })?;
                Ok(Page::of(rows, limit))
            })
            .await
    }

    /// What a policy is attached to. `after` is the position a page before ended at. `None`: there is no policy of
    /// that name.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn policy_targets_page(
        &self,
        scope: &Scope,
        name: &PolicyName,
        which: PolicyTargets,
        order: Order,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Option<Page<String>>> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver
            .read(move |tx| {
                let Some(head) = policy::head(tx, &scope, &name)? else { return Ok(None) };
                let (beyond, way) = order.sql(2);
                let of = match which {
                    PolicyTargets::All => "",
                    PolicyTargets::Principals => " AND target NOT LIKE 'arn:%:thinggroup/%'",
                };
                let sql = format!(
                    "SELECT seq, target FROM attachment WHERE policy = $1 AND seq {beyond}{of} ORDER BY seq {way} \
                     LIMIT $3"
                );
                let (start, count) = (order.start(after), tunnel::rows(limit + 1));
                let rows =
                    tx.rows(&sql, args![head.seq, start, count], |row| Ok((row.int(0)?, row.text(1)?)))?;
                Ok(Some(Page::of(rows, limit)))
            })
            .await
    }

    /// Name and default document of every policy attached to a target, an ARN or a Cognito identity, in order of
    /// attaching. As many as the quotas allow.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn policies_of_target(&self, scope: &Scope, target: &str) -> Result<Vec<(PolicyName, String)>> {
        let (scope, target) = (scope.clone(), target.to_owned());
        self.driver.read(move |tx| policies_of(tx, &scope, &target)).await
    }
}

/// Attaches a policy, unless the target has `most` already.
pub(crate) fn attach(
    tx: &Tx<'_>,
    scope: &Scope,
    name: &PolicyName,
    target: &Target,
    most: usize,
) -> Result<Attached> {
    let Some(head) = policy::head(tx, scope, name)? else { return Ok(Attached::NoPolicy) };
    let there = match target {
        Target::Certificate(id) => certificate::exists(tx, scope, id)?,
        Target::Group(name) => thing_group::exists(tx, scope, name.as_str())?,
        Target::Cognito(_) => true,
    };
    if !there {
        return Ok(Attached::NoTarget);
    }
    let text = target.text(scope);
    let attached = tx.rows(
        "SELECT policy FROM attachment WHERE account = $1 AND region = $2 AND target = $3",
        args![scope.account(), scope.region(), text.as_str()],
        |row| row.int(0),
    )?;
    if attached.contains(&head.seq) {
        return Ok(Attached::Already);
    }
    if attached.len() >= most {
        return Ok(Attached::TooMany);
    }
    tx.run(
        "INSERT INTO attachment (account, region, target, policy) VALUES ($1, $2, $3, $4)",
        args![scope.account(), scope.region(), text, head.seq],
    )?;
    Ok(Attached::Yes)
}

/// Name and default document of every policy attached to a target.
pub(crate) fn policies_of(tx: &Tx<'_>, scope: &Scope, target: &str) -> Result<Vec<(PolicyName, String)>> {
    tx.rows(
        "SELECT p.name, v.document FROM attachment a JOIN policy p ON p.seq = a.policy \
         JOIN policy_version v ON v.policy = p.seq AND v.version = p.default_version \
         WHERE a.account = $1 AND a.region = $2 AND a.target = $3 ORDER BY a.seq",
        args![scope.account(), scope.region(), target],
        |row| Ok((PolicyName::parse(&row.text(0)?).map_err(unreadable)?, row.text(1)?)),
    )
}

/// Names of the policies attached to a target, in order of attaching.
pub(crate) fn names_of(tx: &Tx<'_>, scope: &Scope, target: &str) -> Result<Vec<PolicyName>> {
    tx.rows(
        "SELECT p.name FROM attachment a JOIN policy p ON p.seq = a.policy \
         WHERE a.account = $1 AND a.region = $2 AND a.target = $3 ORDER BY a.seq",
        args![scope.account(), scope.region(), target],
        |row| PolicyName::parse(&row.text(0)?).map_err(unreadable),
    )
}

/// Detaches every policy from a target that goes away.
pub(crate) fn detach_all(tx: &Tx<'_>, scope: &Scope, target: &str) -> Result<()> {
    tx.run(
        "DELETE FROM attachment WHERE account = $1 AND region = $2 AND target = $3",
        args![scope.account(), scope.region(), target],
    )?;
    Ok(())
}

/// Whether any policy is attached to a target.
pub(crate) fn has_policies(tx: &Tx<'_>, scope: &Scope, target: &str) -> Result<bool> {
    let found = tx.first(
        "SELECT seq FROM attachment WHERE account = $1 AND region = $2 AND target = $3 LIMIT 1",
        args![scope.account(), scope.region(), target],
        |row| row.int(0),
    )?;
    Ok(found.is_some())
}

/// Whether a policy is attached to anything.
pub(crate) fn is_attached(tx: &Tx<'_>, policy: i64) -> Result<bool> {
    let sql = "SELECT seq FROM attachment WHERE policy = $1 LIMIT 1";
    Ok(tx.first(sql, args![policy], |row| row.int(0))?.is_some())
}
