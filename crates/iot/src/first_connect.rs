//! What is done with a device certificate on the CONNECT that brings it (spec: provisioning §6.2).

use crate::ca::{self, Ca};
use crate::certificate::Status;
use crate::ids::CertificateId;

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstConnect {
    /// It is active: an ordinary CONNECT.
    Admit,
    /// It is registered if it is new, its coming is told, and its device is provisioned if the CA says how.
    Arrive,
    /// Nothing.
    Refuse(Refused),
}

/// Why nothing is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No registered CA issued it.
    NoCa,
    /// The CA that issued it is not active.
    CaInactive(CertificateId),
    /// The CA that issued it is active, but its certificates do not come in by themselves.
    NoAutoRegistration(CertificateId),
    /// It is registered with a status that does not change by coming.
    Status(Status),
}

impl Refused {
    /// What an operator should know.
    pub fn text(&self) -> String {
        match self {
            Refused::NoCa => "the certificate is not registered, and no registered CA issued it".to_owned(),
            Refused::CaInactive(ca) => format!(
                "the certificate is not active, and the CA that issued it ({ca}) is INACTIVE; activate the CA with \
                 UpdateCACertificate"
            ),
            Refused::NoAutoRegistration(ca) => format!(
                "the certificate is not active, and the CA that issued it ({ca}) does not take devices by itself; \
                 register the certificate, or enable auto registration with UpdateCACertificate"
            ),
            Refused::Status(status) => format!("the certificate is {}, not ACTIVE", status.as_str()),
        }
    }
}

/// Decides by the certificate's status, if it is registered, and the registered CA that issued it, if there is one.
pub fn first_connect(known: Option<Status>, issuer: Option<&Ca>) -> FirstConnect {
    match (known, issuer) {
        (Some(Status::Active), _) => FirstConnect::Admit,
        (Some(status @ (Status::Inactive | Status::Revoked | Status::PendingTransfer)), _) => {
            FirstConnect::Refuse(Refused::Status(status))
        }
        (None | Some(Status::PendingActivation), Some(ca)) if ca.takes_newcomers() => FirstConnect::Arrive,
        (None | Some(Status::PendingActivation), Some(ca)) => FirstConnect::Refuse(match ca.status {
            ca::Status::Active => Refused::NoAutoRegistration(ca.id.clone()),
            ca::Status::Inactive => Refused::CaInactive(ca.id.clone()),
        }),
        (Some(Status::PendingActivation), None) => {
            FirstConnect::Refuse(Refused::Status(Status::PendingActivation))
        }
        (None, None) => FirstConnect::Refuse(Refused::NoCa),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::Mode;
    use crate::time::Timestamp;

    fn ca(status: ca::Status, auto_registration: bool) -> Ca {
        Ca {
            id: CertificateId::from_sha256([1; 32]),
            status,
            auto_registration,
            mode: Mode::Default,
            pem: String::new(),
            subject: Vec::new(),
            not_before: Timestamp::from_millis(0),
            not_after: Timestamp::from_millis(0),
            config: None,
            customer_version: 1,
            generation_id: String::new(),
            created_at: Timestamp::from_millis(0),
            updated_at: Timestamp::from_millis(0),
        }
    }

    /// The table of provisioning §6.2, line by line.
    #[test]
    fn the_decision_table() {
        use FirstConnect::{Admit, Arrive, Refuse};
        let (met, off, inactive) =
            (ca(ca::Status::Active, true), ca(ca::Status::Active, false), ca(ca::Status::Inactive, true));
        let id = met.id.clone();
        for issuer in [None, Some(&met), Some(&off), Some(&inactive)] {
            assert_eq!(first_connect(Some(Status::Active), issuer), Admit);
            for status in [Status::Inactive, Status::Revoked, Status::PendingTransfer] {
                assert_eq!(first_connect(Some(status), issuer), Refuse(Refused::Status(status)));
            }
        }
        for known in [None, Some(Status::PendingActivation)] {
            assert_eq!(first_connect(known, Some(&met)), Arrive);
            assert_eq!(first_connect(known, Some(&off)), Refuse(Refused::NoAutoRegistration(id.clone())));
            assert_eq!(first_connect(known, Some(&inactive)), Refuse(Refused::CaInactive(id.clone())));
        }
        assert_eq!(first_connect(None, None), Refuse(Refused::NoCa));
        let pending = Status::PendingActivation;
        assert_eq!(first_connect(Some(pending), None), Refuse(Refused::Status(pending)));
    }
}
