//! Brings a database up to the schema of this build.
//!
//! Numbered SQL files, each applied once, in order, in a transaction of its own. The hash of each applied text is
//! kept: a file that was changed after it shipped is a defect we want to hear about at start.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::sql::{Tx, args};

struct Migration {
    version: i64,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "first", sql: include_str!("../migrations/0001_first.sql") },
    Migration {
        version: 2,
        name: "certificate_policy",
        sql: include_str!("../migrations/0002_certificate_policy.sql"),
    },
    Migration { version: 3, name: "group_shadow", sql: include_str!("../migrations/0003_group_shadow.sql") },
    Migration { version: 4, name: "mqtt", sql: include_str!("../migrations/0004_mqtt.sql") },
    Migration { version: 5, name: "ca", sql: include_str!("../migrations/0005_ca.sql") },
    Migration { version: 6, name: "provisioning", sql: include_str!("../migrations/0006_provisioning.sql") },
    Migration { version: 7, name: "iam", sql: include_str!("../migrations/0007_iam.sql") },
    Migration {
        version: 8,
        name: "audit_by_resource",
        sql: include_str!("../migrations/0008_audit_by_resource.sql"),
    },
    Migration { version: 9, name: "thing_event", sql: include_str!("../migrations/0009_thing_event.sql") },
];

/// What a migration needs beyond a [`Tx`]: many statements in one text.
pub(crate) trait Target {
    /// Runs a text of several statements.
    fn batch(&self, sql: &str) -> Result<()>;
    /// The transaction view of the same connection.
    fn tx(&self) -> Tx<'_>;
}

/// Applies what is missing.
pub(crate) fn up(target: &impl Target, path: &Path) -> Result<()> {
    apply(target, path, MIGRATIONS)
}

fn apply(target: &impl Target, path: &Path, migrations: &[Migration]) -> Result<()> {
    target.batch(
        "CREATE TABLE IF NOT EXISTS migration (version BIGINT PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL)",
    )?;
    let applied = target.tx().rows("SELECT version, sha256 FROM migration ORDER BY version", &[], |row| {
        Ok((row.int(0)?, row.text(1)?))
    })?;
    let known = migrations.last().map_or(0, |migration| migration.version);
    if let Some((found, _)) = applied.last().filter(|(version, _)| *version > known) {
        return Err(Error::Newer { path: path.to_owned(), found: *found, known });
    }
    for migration in migrations {
        let hash = sha256(migration.sql);
        match applied.iter().find(|(version, _)| *version == migration.version) {
            Some((_, there)) if *there == hash => {}
            Some(_) => return Err(Error::Altered { path: path.to_owned(), version: migration.version }),
            None => {
                tracing::info!(version = migration.version, name = migration.name, "migrating the database");
                target.batch("BEGIN IMMEDIATE")?;
                let done = target.batch(migration.sql).and_then(|()| {
                    target.tx().run(
                        "INSERT INTO migration (version, name, sha256) VALUES ($1, $2, $3)",
                        args![migration.version, migration.name, hash],
                    )
                });
                match done {
                    Ok(_) => target.batch("COMMIT")?,
                    Err(error) => {
                        let _ = target.batch("ROLLBACK");
                        return Err(error);
                    }
                }
            }
        }
    }
    Ok(())
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::Connection;

    const ONE: Migration = Migration { version: 1, name: "one", sql: "CREATE TABLE a (x BIGINT)" };
    const TWO: Migration = Migration {
        version: 2,
        name: "two",
        sql: "ALTER TABLE a ADD COLUMN y BIGINT; INSERT INTO a VALUES (1, 2)",
    };

    fn path() -> &'static Path {
        Path::new(":memory:")
    }

    fn count(db: &Connection, sql: &str) -> i64 {
        db.tx().first(sql, &[], |row| row.int(0)).unwrap().unwrap()
    }

    #[test]
    fn what_is_missing_is_applied_once_and_in_order() {
        let db = Connection::open(path(), true).unwrap();
        apply(&db, path(), &[ONE]).unwrap();
        for _ in 0..2 {
            apply(&db, path(), &[ONE, TWO]).unwrap();
        }
        assert_eq!(count(&db, "SELECT y FROM a"), 2);
        assert_eq!(count(&db, "SELECT COUNT(*) FROM a"), 1);
        assert_eq!(count(&db, "SELECT COUNT(*) FROM migration"), 2);
    }

    #[test]
    fn a_migration_that_fails_leaves_nothing_behind() {
        let db = Connection::open(path(), true).unwrap();
        let bad = Migration {
            version: 2,
            name: "bad",
            sql: "INSERT INTO a VALUES (1); INSERT INTO nowhere VALUES (1)",
        };
        assert!(apply(&db, path(), &[ONE, bad]).is_err());
        assert_eq!(count(&db, "SELECT COUNT(*) FROM a"), 0);
        assert_eq!(count(&db, "SELECT COUNT(*) FROM migration"), 1);
        apply(&db, path(), &[ONE, TWO]).unwrap();
    }

    #[test]
    fn numbers_rise() {
        assert!(MIGRATIONS.windows(2).all(|pair| pair[0].version < pair[1].version));
    }
}
