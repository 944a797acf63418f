//! Whether a certificate that is not active may come in by itself: a registered CA must have issued it, and the host
//! name the client asked for must name the CA's account where that matters (spec: provisioning §6.1).

use adit_iot::ca::Registered;
use adit_iot::certificate::Mode;
use adit_iot::first_connect::Refused;
use adit_iot::policy::NameField;
use adit_iot::{CertificateId, Scope};
use rustls::pki_types::CertificateDer;

use crate::api::endpoint;
use crate::pki::{CaCertificate, Presented};
use crate::state::State;

/// A device whose certificate is not active, and the registered CA that issued it. Nothing was done for it yet: it has
/// to send a CONNECT first.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// Where its CA is registered.
    pub scope: Scope,
    /// The CA's id.
    pub ca: CertificateId,
    /// The certificate.
    pub leaf: CertificateDer<'static>,
    /// What stands in its subject, in order.
    pub subject: Vec<(NameField, String)>,
}

/// Finds the CA that a certificate belongs to.
///
/// # Errors
/// A clause for the operator: why it has no business here.
pub async fn newcomer(state: &State, presented: &Presented, host: Option<&str>) -> Result<Newcomer, String> {
    let failed = |error: adit_store::Error| {
        tracing::error!(%error, "the CAs of a certificate could not be looked up");
        "the store could not be asked about the certificate's CA".to_owned()
    };
    let leaf = presented.chain.first().ok_or_else(|| Refused::NoCa.text())?;
    let of_issuer = state.store.cas_of_subject(None, presented.issuer.clone()).await.map_err(failed)?;
    let issuers = issuers(of_issuer, leaf);
    if issuers.is_empty() {
        return Err(Refused::NoCa.text());
    }
    let home =
        |scope: &Scope| scope.account() == state.config.account && scope.region() == state.config.region;
    let chosen = choose(issuers, host, home)?;
    Ok(Newcomer {
        scope: chosen.scope,
        ca: chosen.ca.id,
        leaf: leaf.clone(),
        subject: presented.subject_fields(),
    })
}

/// The CAs whose key verifies the certificate. One CA registered by several accounts is asked once.
fn issuers(of_issuer: Vec<Registered>, leaf: &[u8]) -> Vec<Registered> {
    let mut asked: Vec<(CertificateId, bool)> = Vec::new();
    let mut has_issued = |found: &Registered| {
        if let Some((_, answer)) = asked.iter().find(|(id, _)| *id == found.ca.id) {
            return *answer;
        }
        let answer = CaCertificate::stored(&found.ca.pem).is_some_and(|ca| ca.has_issued(leaf).is_ok());
        asked.push((found.ca.id.clone(), answer));
        answer
    };
    of_issuer.into_iter().filter(|found| has_issued(found)).collect()
}

/// The one CA that is meant. spec: provisioning §6.1
fn choose(
    issuers: Vec<Registered>,
    host: Option<&str>,
    home: impl Fn(&Scope) -> bool,
) -> Result<Registered, String> {
    let named: Vec<Registered> = match host {
        None => issuers.into_iter().filter(|found| found.ca.mode == Mode::Default).collect(),
        Some(host) if endpoint::is_shaped(host) => {
            issuers.into_iter().filter(|found| endpoint::is_of(&found.scope, host)).collect()
        }
        Some(_) => issuers,
    };
    if named.is_empty() {
        return Err(match host {
            None => "the CA that issued the certificate is registered as SNI_ONLY, and the client sent no host name (SNI)"
                .to_owned(),
            Some(host) => format!("the client asked for the host name {host}, which is not one of the account that registered the certificate's CA"),
        });
    }
    // One that takes newcomers before one that does not, then the server's own account, then the first registered.
    let usable = |found: &&Registered| found.ca.takes_newcomers();
    let pool: Vec<&Registered> = match named.iter().filter(usable).collect::<Vec<_>>() {
        usable if usable.is_empty() => named.iter().collect(),
        usable => usable,
    };
    if let Some(found) = pool.iter().find(|found| home(&found.scope)) {
        return Ok((*found).clone());
    }
    match pool.as_slice() {
        [first, rest @ ..] if rest.iter().all(|other| other.scope == first.scope) => Ok((*first).clone()),
        _ => Err("several accounts or regions have registered the certificate's CA, and the client asked for a host name \
                  of none of them (see DescribeEndpoint)"
            .to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use adit_iot::Timestamp;
    use adit_iot::ca::{Ca, Status};

    use super::*;

    fn scope(account: &str, region: &str) -> Scope {
        Scope::new(account, region).unwrap()
    }

    fn registered(n: u8, scope: Scope, mode: Mode, usable: bool) -> Registered {
        let time = Timestamp::from_millis(0);
        let ca = Ca {
            id: CertificateId::from_sha256([n; 32]),
            status: Status::Active,
            auto_registration: usable,
            mode,
            pem: String::new(),
            subject: Vec::new(),
            not_before: time,
            not_after: time,
            config: None,
            customer_version: 1,
            generation_id: String::new(),
            created_at: time,
            updated_at: time,
        };
        Registered { scope, ca }
    }

    /// Which of these CAs is meant; the server's own account is the first one's.
    fn chosen(all: &[Registered], host: Option<&str>) -> Result<usize, String> {
        let own = scope("111111111111", "us-east-1");
        let found = choose(all.to_vec(), host, |scope| *scope == own)?;
        Ok(all.iter().position(|one| *one == found).unwrap())
    }

    #[test]
    fn the_host_name_decides_where_it_can() {
        let (one, two) = (scope("111111111111", "us-east-1"), scope("222222222222", "us-east-1"));
        let three = scope("222222222222", "eu-west-1");
        let host =
            |scope: &Scope| format!("{}-ats.iot.{}.example.com", endpoint::prefix(scope), scope.region());
        let sni = [
            registered(1, one.clone(), Mode::SniOnly, true),
            registered(1, two.clone(), Mode::SniOnly, true),
            registered(1, three.clone(), Mode::SniOnly, true),
        ];
        assert_eq!(chosen(&sni, Some(&host(&two))), Ok(1));
        assert_eq!(chosen(&sni, Some(&host(&three))), Ok(2));
        assert!(chosen(&sni, None).unwrap_err().contains("SNI_ONLY"));
        assert_eq!(chosen(&sni, Some("localhost")), Ok(0));
        assert!(chosen(&sni[1..], Some("localhost")).unwrap_err().contains("several"));
        assert_eq!(chosen(&sni[2..], Some("localhost")), Ok(0));
        assert!(chosen(&sni[..1], Some(&host(&two))).unwrap_err().contains("not one of the account"));
        let default = [registered(1, two.clone(), Mode::Default, true)];
        assert_eq!(chosen(&default, None), Ok(0));
        assert_eq!(chosen(&default, Some(&host(&two))), Ok(0));
        assert!(chosen(&default, Some(&host(&one))).is_err());
    }

    #[test]
    fn of_several_in_one_account_the_first_that_takes_newcomers_is_meant() {
        let two = scope("222222222222", "us-east-1");
        let all = [
            registered(1, two.clone(), Mode::Default, false),
            registered(2, two.clone(), Mode::Default, true),
            registered(3, two.clone(), Mode::Default, true),
        ];
        assert_eq!(chosen(&all, None), Ok(1));
        assert_eq!(chosen(&all[..1], None), Ok(0));
    }
}
