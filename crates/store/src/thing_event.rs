//! The timeline of a thing: what happened to its device, for operators.

use adit_iot::principal::Principal;
use adit_iot::{CertificateId, Scope, ThingName, Timestamp};

use crate::sql::{Row, Tx, args, unreadable};
use crate::{Page, Result, Store, thing, tunnel};

/// Things that one certificate may speak for, for an event that names none to be an event of each of them. An event of
/// a certificate that more things share says nothing about any of them.
const THINGS: usize = 10;
/// The newest refusals of a thing among which an equal one is looked for.
const LOOK_BACK: i64 = 20;
/// How long after it happened a refusal is counted as a repetition and not as another one, in milliseconds.
const REPEATS_WITHIN: i64 = 3_600_000;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ThingEventKind {
    /// Its CONNECT was accepted.
    Connected,
    /// Its connection ended.
    Disconnected,
    /// It was refused.
    Refused,
    /// A template was applied to it.
    Provisioned,
}

impl ThingEventKind {
    const ALL: [Self; 4] = [Self::Connected, Self::Disconnected, Self::Refused, Self::Provisioned];

    /// As it is shown and kept.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "CONNECTED",
            Self::Disconnected => "DISCONNECTED",
            Self::Refused => "REFUSED",
            Self::Provisioned => "PROVISIONED",
        }
    }

    /// How many of a thing's `all` rows may be of this kind, so that a device in a loop does not push out what else
    /// happened to it: at least one.
    fn share(self, all: u32) -> u32 {
        let percent = match self {
            Self::Connected | Self::Disconnected => 25,
            Self::Refused => 40,
            Self::Provisioned => 10,
        };
        (all / 100 * percent + all % 100 * percent / 100).max(1)
    }
}

/// One row of a timeline: an event, or equal ones that followed each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingEvent {
    /// What happened.
    pub kind: ThingEventKind,
    /// When it first happened.
    pub first_at: Timestamp,
    /// When it last happened.
    pub at: Timestamp,
    /// How often.
    pub count: u32,
    /// Why: the word of the lifecycle event, or a clause an operator can act on.
    pub reason: Option<String>,
    /// Where on its way a device was refused.
    pub stage: Option<String>,
    /// The MQTT client id.
    pub client_id: Option<String>,
    /// The certificate.
    pub certificate_id: Option<String>,
    /// From where.
    pub ip_address: Option<String>,
    /// Further facts, for people.
    pub detail: Option<String>,
}

impl ThingEvent {
    /// An event of this moment, to be filled in.
    #[must_use]
    pub fn new(kind: ThingEventKind, at: Timestamp) -> Self {
        Self {
            kind,
            first_at: at,
            at,
            count: 1,
            reason: None,
            stage: None,
            client_id: None,
            certificate_id: None,
            ip_address: None,
            detail: None,
        }
    }

    /// Whether both are the same refusal; from where it came and when do not count.
    #[must_use]
    pub fn repeats(&self, other: &Self) -> bool {
        self.kind == ThingEventKind::Refused
            && other.kind == self.kind
            && self.reason == other.reason
            && self.stage == other.stage
            && self.client_id == other.client_id
            && self.certificate_id == other.certificate_id
            && self.detail == other.detail
    }
}

/// An event, and what is known of whose it is.
///
/// It is an event of the thing that the connection speaks for, and of the thing that is called like its client, by
/// which AWS's index goes: usually one and the same. If there is neither, it is one of each thing that its certificate
/// is attached to, if those are not more than ten. What was provisioned is the thing, whatever its client was called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceEvent {
    /// Account and region; without them only the certificate says whose it is.
    pub scope: Option<Scope>,
    /// The thing the connection speaks for.
    pub thing: Option<String>,
    /// What happened.
    pub event: ThingEvent,
}

impl Store {
    /// Adds events to the timelines of the things that they are about, in one transaction; what is about no thing is
    /// left out. Each thing keeps about `per_thing` rows: of each kind the newest.
    ///
    /// # Errors
    /// Only the store's own; then none was added.
    pub async fn thing_events_add(&self, events: Vec<DeviceEvent>, per_thing: u32) -> Result<()> {
        self.driver
            .write(move |tx| {
                for device in &events {
                    for thing in things_of(tx, device)? {
                        add(tx, thing, &device.event, per_thing)?;
                    }
                }
                Ok(())
            })
            .await
    }

    /// What happened to a thing since `since`, the newest first, each with its number: later ones, and those that have
    /// happened again, have greater ones. `after` is the position a page before ended at. `None`: there is no such thing.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_events_page(
        &self,
        scope: &Scope,
        name: &ThingName,
        since: Timestamp,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Option<Page<(i64, ThingEvent)>>> {
        let (scope, name) = (scope.clone(), name.clone());
        self.driver
            .read(move |tx| {
                let Some((thing, _)) = thing::find(tx, &scope, &name)? else { return Ok(None) };
                let rows = tx.rows(
                    &format!(
                        "SELECT {COLUMNS} FROM thing_event WHERE thing = $1 AND seq < $2 AND at >= $3 \
                         ORDER BY seq DESC LIMIT $4"
                    ),
                    args![thing, after.unwrap_or(i64::MAX), since, tunnel::rows(limit + 1)],
                    |row| read(row).map(|(seq, event)| (seq, (seq, event))),
                )?;
                Ok(Some(Page::of(rows, limit)))
            })
            .await
    }

    /// Takes away up to `limit` rows whose event last happened before `before`, the oldest first, and tells how many.
    ///
    /// # Errors
    /// Only the store's own.
    pub async fn thing_events_trim(&self, before: Timestamp, limit: usize) -> Result<u64> {
        self.driver
            .write(move |tx| {
                tx.run(
                    "DELETE FROM thing_event WHERE seq IN \
                     (SELECT seq FROM (SELECT seq, at FROM thing_event ORDER BY seq LIMIT $2) AS oldest WHERE at < $1)",
                    args![before, tunnel::rows(limit)],
                )
            })
            .await
    }
}

const COLUMNS: &str =
    "seq, kind, first_at, at, count, reason, stage, client_id, certificate_id, ip_address, detail";

fn read(row: &Row<'_>) -> Result<(i64, ThingEvent)> {
    let kind = row.text(1)?;
    let known = ThingEventKind::ALL.into_iter().find(|known| known.as_str() == kind);
    let event = ThingEvent {
        kind: known.ok_or_else(|| unreadable(format!("{kind} is no kind of event")))?,
        first_at: row.time(2)?,
        at: row.time(3)?,
        count: u32::try_from(row.int(4)?).unwrap_or(u32::MAX),
        reason: row.opt_text(5)?,
        stage: row.opt_text(6)?,
        client_id: row.opt_text(7)?,
        certificate_id: row.opt_text(8)?,
        ip_address: row.opt_text(9)?,
        detail: row.opt_text(10)?,
    };
    Ok((row.int(0)?, event))
}

/// The things an event is about: see [`DeviceEvent`].
fn things_of(tx: &Tx<'_>, device: &DeviceEvent) -> Result<Vec<i64>> {
    let certificate = device.event.certificate_id.as_deref();
    let certificate = certificate.and_then(|id| CertificateId::parse(id).ok());
    let Some(scope) = &device.scope else {
        let Some(id) = certificate else { return Ok(Vec::new()) };
        let mut things = Vec::new();
        for scope in scopes_of(tx, &id)? {
            things.extend(attached_to(tx, scope, id.clone())?);
        }
        return Ok(things);
    };
    let (thing, client) = (device.thing.as_deref(), device.event.client_id.as_deref());
    let client =
        client.filter(|client| Some(*client) != thing && device.event.kind != ThingEventKind::Provisioned);
    let mut things = Vec::new();
    for name in thing.into_iter().chain(client) {
        things.extend(tx.first(
            "SELECT seq FROM thing WHERE account = $1 AND region = $2 AND name = $3",
            args![scope.account(), scope.region(), name],
            |row| row.int(0),
        )?);
    }
    match certificate.filter(|_| things.is_empty()) {
        Some(id) => attached_to(tx, scope.clone(), id),
        None => Ok(things),
    }
}

/// Where a certificate is registered: the first of them, as for [`THINGS`].
fn scopes_of(tx: &Tx<'_>, id: &CertificateId) -> Result<Vec<Scope>> {
    tx.rows(
        "SELECT account, region FROM certificate WHERE id = $1 ORDER BY seq LIMIT $2",
        args![id.as_str(), tunnel::rows(THINGS)],
        |row| row.scope(0),
    )
}

fn attached_to(tx: &Tx<'_>, scope: Scope, id: CertificateId) -> Result<Vec<i64>> {
    let (account, region) = (scope.account().to_owned(), scope.region().to_owned());
    let things = tx.rows(
        "SELECT thing FROM thing_principal WHERE account = $1 AND region = $2 AND principal = $3 ORDER BY seq LIMIT $4",
        args![account, region, Principal::Certificate(scope, id).text(), tunnel::rows(THINGS + 1)],
        |row| row.int(0),
    )?;
    Ok(if things.len() > THINGS { Vec::new() } else { things })
}

fn add(tx: &Tx<'_>, thing: i64, event: &ThingEvent, per_thing: u32) -> Result<()> {
    let before = earlier(tx, thing, event)?;
    let first_at = before.as_ref().map_or(event.first_at, |before| before.first_at);
    let count = before.map_or(0, |before| before.count).saturating_add(event.count);
    tx.run(
        "INSERT INTO thing_event (thing, kind, first_at, at, count, reason, stage, client_id, certificate_id, \
         ip_address, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        args![
            thing,
            event.kind.as_str(),
            first_at,
            event.at,
            i64::from(count),
            event.reason.as_deref(),
            event.stage.as_deref(),
            event.client_id.as_deref(),
            event.certificate_id.as_deref(),
            event.ip_address.as_deref(),
            event.detail.as_deref(),
        ],
    )?;
    tx.run(
        "DELETE FROM thing_event WHERE thing = $1 AND kind = $2 AND seq <= \
         (SELECT seq FROM thing_event WHERE thing = $1 AND kind = $2 ORDER BY seq DESC LIMIT 1 OFFSET $3)",
        args![thing, event.kind.as_str(), i64::from(event.kind.share(per_thing))],
    )?;
    Ok(())
}

/// The row of the same refusal, if it was there lately: taken out, for it comes to the front.
fn earlier(tx: &Tx<'_>, thing: i64, event: &ThingEvent) -> Result<Option<ThingEvent>> {
    if event.kind != ThingEventKind::Refused {
        return Ok(None);
    }
    let newest = tx.rows(
        &format!(
            "SELECT {COLUMNS} FROM thing_event WHERE thing = $1 AND kind = $2 AND at >= $3 ORDER BY seq DESC LIMIT $4"
        ),
        args![thing, event.kind.as_str(), event.at.plus_millis(-REPEATS_WITHIN), LOOK_BACK],
        read,
    )?;
    let Some((seq, before)) = newest.into_iter().find(|(_, before)| event.repeats(before)) else {
        return Ok(None);
    };
    tx.run("DELETE FROM thing_event WHERE seq = $1", args![seq])?;
    Ok(Some(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_all_kinds_make_the_whole() {
        for (all, shares) in [(500, [125, 125, 200, 50]), (10, [2, 2, 4, 1]), (1, [1; 4])] {
            assert_eq!(ThingEventKind::ALL.map(|kind| kind.share(all)), shares, "{all}");
        }
    }
}
