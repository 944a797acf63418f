//! The certificate gate: from a certificate whose key was proved in TLS to the account it belongs to.
//! spec: mqtt-gateway §2

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use adit_iot::certificate::Status;
use adit_iot::{CertificateId, Scope};
use adit_store::Known;

use crate::config::Config;
use crate::pki::PeerCertificate;
use crate::state::State;

/// How far a certificate may be outside its validity, in milliseconds. spec: mqtt-gateway §2
const SKEW: i64 = 5 * 60 * 1000;
/// How long an unknown certificate is believed to be unknown, in milliseconds. spec: mqtt-gateway §2
const UNKNOWN_FOR: i64 = 2_000;
/// Verdicts remembered; when there are more, all are forgotten.
const REMEMBERED: usize = 64 * 1024;

/// Why a certificate is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// No account has registered it.
    Unknown,
    /// It is registered, with a status that keeps it out.
    Status(Status),
    /// Its validity has not begun.
    NotYetValid,
    /// Its validity is over.
    Expired,
    /// The store did not answer.
    Store,
}

impl Closed {
    /// A fixed word for metrics and `adit why`.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Unknown => "certificate-unknown",
            Self::Status(_) => "certificate-not-active",
            Self::NotYetValid => "certificate-not-yet-valid",
            Self::Expired => "certificate-expired",
            Self::Store => "store",
        }
    }

    /// What an operator should know.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::Unknown => "the certificate is not registered in any account of this server".to_owned(),
            Self::Status(status) => format!("the certificate is {}, not ACTIVE", status.as_str()),
            Self::NotYetValid => "the certificate is not valid yet, by this server's clock".to_owned(),
            Self::Expired => "the certificate has expired, by this server's clock".to_owned(),
            Self::Store => "the store could not be asked about the certificate".to_owned(),
        }
    }
}

/// Remembers verdicts, so that devices that come back for ever, or all at once, do not reach the store.
#[derive(Debug, Default)]
pub struct Gate(Mutex<HashMap<CertificateId, Verdict>>);

#[derive(Debug, Clone)]
enum Verdict {
    /// Unknown at that time, in milliseconds since the epoch.
    Unknown(i64),
    /// Active in this scope for as long as nothing changes there.
    Active(Scope, u64),
}

impl Gate {
    /// Where the certificate is registered and active. Registered in several accounts, the one that `state` is
    /// configured for goes first, then the oldest registration.
    ///
    /// The verdict holds for the moment: who keeps a connection asks again after it can be cut by
    /// [`crate::mqtt::Gateway::cut_certificate`], for the certificate may have been revoked in between.
    ///
    /// # Errors
    /// [`Closed`] says why the certificate is not let in.
    pub async fn judge(&self, state: &State, certificate: &PeerCertificate) -> Result<Scope, Closed> {
        let now = state.clock.now_ms();
        if state.config.certificate.check_validity {
            if now < certificate.not_before.saturating_sub(SKEW) {
                return Err(Closed::NotYetValid);
            }
            if now > certificate.not_after.saturating_add(SKEW) {
                return Err(Closed::Expired);
            }
        }
        let verdict = self.verdicts().get(&certificate.id).cloned();
        match verdict {
            Some(Verdict::Unknown(at)) if now.saturating_sub(at) < UNKNOWN_FOR => {
                return Err(Closed::Unknown);
            }
            Some(Verdict::Active(scope, epoch)) if state.access.watch(&scope).epoch() == epoch => {
                return Ok(scope);
            }
            _ => {}
        }
        self.look_up(state, &certificate.id, now).await
    }

    async fn look_up(&self, state: &State, id: &CertificateId, now: i64) -> Result<Scope, Closed> {
        let failed = |error| {
            tracing::error!(%error, "a certificate could not be looked up");
            Closed::Store
        };
        let known = state.store.certificate_known(id).await.map_err(failed)?;
        if known.is_empty() {
            // Believed for the moment only: it is over soon.
            if let Some(claim) = state.store.claim_get(id).await.map_err(failed)? {
                return if claim.expires_at.millis() > now { Ok(claim.scope) } else { Err(Closed::Expired) };
            }
            self.remember(id, Verdict::Unknown(now));
            return Err(Closed::Unknown);
        }
        let scope = choose(known, state)?;
        // The epoch first, then a second look: what changes after that look moves the epoch.
        let epoch = state.access.watch(&scope).epoch();
        let known = state.store.certificate_known(id).await.map_err(failed)?;
        if choose(known, state)? == scope {
            self.remember(id, Verdict::Active(scope.clone(), epoch));
        }
        Ok(scope)
    }

    /// Forgets what is remembered of a certificate: it has just been registered.
    pub fn registered(&self, id: &CertificateId) {
        self.verdicts().remove(id);
    }

    fn remember(&self, id: &CertificateId, verdict: Verdict) {
        let mut verdicts = self.verdicts();
        if verdicts.len() >= REMEMBERED {
            verdicts.clear();
        }
        verdicts.insert(id.clone(), verdict);
    }

    fn verdicts(&self) -> MutexGuard<'_, HashMap<CertificateId, Verdict>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn choose(known: Vec<Known>, state: &State) -> Result<Scope, Closed> {
    let Config { account, region, .. } = &state.config;
    let here = |known: &Known| known.scope.account() == account && known.scope.region() == region;
    let refused = known.first().map_or(Closed::Unknown, |known| Closed::Status(known.status));
    let mut active: Vec<Known> = known.into_iter().filter(|known| known.status == Status::Active).collect();
    let at = active.iter().position(here).unwrap_or(0);
    if at < active.len() { Ok(active.swap_remove(at).scope) } else { Err(refused) }
}
