//! Client access tokens. Whether a token may be used is judged by the caller; here the judgement is carried out,
//! once, whoever else is doing the same at that moment (spec: secure-tunneling §2.3).

use adit_iot::tunnel::Side;
use adit_iot::{Scope, Timestamp, TunnelId};

use sha2::{Digest as _, Sha256};

use crate::sql::{Row, Tx, args, unreadable};
use crate::{Result, Store, tunnel};

/// SHA-256 of a token or of a client token.
pub type TokenHash = [u8; 32];

/// The form in which a token or a client token is kept and looked up.
pub fn hash_token(text: &str) -> TokenHash {
    Sha256::digest(text.as_bytes()).into()
}

/// What a token has been used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// Nothing yet.
    Fresh,
    /// One connection without a client token.
    Consumed,
    /// Connections with this client token.
    Bound {
        /// Hash of the client token.
        client_token: TokenHash,
        /// Whether the local proxy made the client token up by itself.
        automatic: bool,
    },
}

/// A token of an open tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// Whose tunnel.
    pub scope: Scope,
    /// Which tunnel.
    pub tunnel: TunnelId,
    /// Which side the token is for.
    pub side: Side,
    /// What it has been used for.
    pub state: TokenState,
    /// End of the tunnel's lifetime.
    pub ends_at: Timestamp,
    /// The tunnel's services; empty if it was opened without any.
    pub services: Vec<String>,
}

/// A use of a token that was judged acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Fresh, without a client token: mark it consumed.
    Consume,
    /// Fresh, with a client token: bind it.
    Bind {
        /// Hash of the client token.
        client_token: TokenHash,
        /// Whether the local proxy made it up by itself.
        automatic: bool,
    },
    /// Bound to this client token before: use it again.
    Reuse {
        /// Hash of the client token.
        client_token: TokenHash,
    },
}

/// A connection of one side, as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whose tunnel.
    pub scope: Scope,
    /// Which tunnel.
    pub tunnel: TunnelId,
    /// Which side.
    pub side: Side,
    /// Number of the connection on this side, for [`Store::side_left`].
    pub link: i64,
    /// End of the tunnel's lifetime.
    pub ends_at: Timestamp,
    /// The tunnel's services; empty if it was opened without any.
    pub services: Vec<String>,
}

/// Outcome of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The token is used and the side is connected.
    Yes(Link),
    /// The token is no longer in the state the claim supposes; look again and judge again.
    Lost,
    /// The client token is bound to another token of an open tunnel of the account.
    ClientTokenTaken,
}

impl Store {
    /// The token of that hash, if its tunnel is open at `now`.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn token_find(&self, hash: TokenHash, now: Timestamp) -> Result<Option<TokenRecord>> {
        self.driver.read(move |tx| Ok(find(tx, hash, now)?.map(|(_, record)| record))).await
    }

    /// Uses a token: of any number of claims on one fresh token exactly one wins. The side is marked connected in
    /// the same transaction.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn token_claim(&self, hash: TokenHash, claim: Claim, now: Timestamp) -> Result<Claimed> {
        self.driver.write(move |tx| use_token(tx, hash, claim, now)).await
    }
}

fn find(tx: &Tx<'_>, hash: TokenHash, now: Timestamp) -> Result<Option<(i64, TokenRecord)>> {
    tx.first(
        "SELECT t.seq, t.account, t.region, t.id, k.side, k.state, k.client_token, k.automatic, t.ends_at, t.services \
         FROM token k JOIN tunnel t ON t.seq = k.tunnel \
         WHERE k.hash = $1 AND t.status = 'OPEN' AND t.ends_at > $2",
        args![hash, now],
        read,
    )
}

fn read(row: &Row<'_>) -> Result<(i64, TokenRecord)> {
    let state = match (row.int(5)?, row.opt_hash(6)?) {
        (0, None) => TokenState::Fresh,
        (1, None) => TokenState::Consumed,
        (2, Some(client_token)) => TokenState::Bound { client_token, automatic: row.bool(7)? },
        (other, _) => return Err(unreadable(format!("token state {other}"))),
    };
    let record = TokenRecord {
        scope: row.scope(1)?,
        tunnel: tunnel::tunnel_id(row, 3)?,
        side: if row.int(4)? == 0 { Side::Source } else { Side::Destination },
        state,
        ends_at: row.time(8)?,
        services: row.opt_text(9)?.map(|text| tunnel::services_from(&text)).transpose()?.unwrap_or_default(),
    };
    Ok((row.int(0)?, record))
}

fn use_token(tx: &Tx<'_>, hash: TokenHash, claim: Claim, now: Timestamp) -> Result<Claimed> {
    let Some((seq, record)) = find(tx, hash, now)? else { return Ok(Claimed::Lost) };
    match (claim, record.state) {
        (Claim::Consume, TokenState::Fresh) => {
            tx.run("UPDATE token SET state = 1 WHERE hash = $1", args![hash])?;
        }
        (Claim::Bind { client_token, automatic }, TokenState::Fresh) => {
            if is_taken(tx, record.scope.account(), client_token, now)? {
                return Ok(Claimed::ClientTokenTaken);
            }
            tx.run(
                "UPDATE token SET state = 2, client_token = $2, automatic = $3 WHERE hash = $1",
                args![hash, client_token, automatic],
            )?;
        }
        (Claim::Reuse { client_token }, TokenState::Bound { client_token: bound, .. })
            if client_token == bound => {}
        _ => return Ok(Claimed::Lost),
    }
    let link = connect(tx, seq, record.side, now)?;
    let TokenRecord { scope, tunnel, side, ends_at, services, .. } = record;
    Ok(Claimed::Yes(Link { scope, tunnel, side, link, ends_at, services }))
}

/// Whether a token of an open tunnel of the account is bound to this client token (spec: secure-tunneling §2.2).
fn is_taken(tx: &Tx<'_>, account: &str, client_token: TokenHash, now: Timestamp) -> Result<bool> {
    let other = tx.first(
        "SELECT 1 FROM token k JOIN tunnel t ON t.seq = k.tunnel \
         WHERE k.client_token = $1 AND t.account = $2 AND t.status = 'OPEN' AND t.ends_at > $3 LIMIT 1",
        args![client_token, account, now],
        |row| row.int(0),
    )?;
    Ok(other.is_some())
}

/// Marks the side connected and numbers the connection. A replacement is no transition: its time stays.
fn connect(tx: &Tx<'_>, seq: i64, side: Side, now: Timestamp) -> Result<i64> {
    let sql = match side {
        Side::Source => {
            "UPDATE tunnel SET source_changed_at = CASE source_connected WHEN 1 THEN source_changed_at ELSE $2 END, \
             source_connected = 1, source_link = source_link + 1 WHERE seq = $1 RETURNING source_link"
        }
        Side::Destination => {
            "UPDATE tunnel SET destination_changed_at = \
             CASE destination_connected WHEN 1 THEN destination_changed_at ELSE $2 END, \
             destination_connected = 1, destination_link = destination_link + 1 WHERE seq = $1 \
             RETURNING destination_link"
        }
    };
    tx.first(sql, args![seq, now], |row| row.int(0))?.ok_or_else(|| unreadable("a token without its tunnel"))
}

pub(crate) fn insert(tx: &Tx<'_>, tunnel: i64, side: Side, hash: TokenHash) -> Result<()> {
    tx.run(
        "INSERT INTO token (hash, tunnel, side, state) VALUES ($1, $2, $3, 0)",
        args![hash, tunnel, side == Side::Destination],
    )?;
    Ok(())
}

/// A fresh token in place of the side's present one.
pub(crate) fn replace(tx: &Tx<'_>, tunnel: i64, side: Side, hash: TokenHash) -> Result<()> {
    tx.run("DELETE FROM token WHERE tunnel = $1 AND side = $2", args![tunnel, side == Side::Destination])?;
    insert(tx, tunnel, side, hash)
}

pub(crate) fn remove(tx: &Tx<'_>, tunnel: i64) -> Result<()> {
    tx.run("DELETE FROM token WHERE tunnel = $1", args![tunnel])?;
    Ok(())
}
