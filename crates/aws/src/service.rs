//! The six services: names in signatures and target headers, and how each speaks.

use crate::table::{self, Operation};

/// One AWS service that this front understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// The device registry: things, certificates, policies, provisioning.
    Iot,
    /// The data plane: shadows, publishing, retained messages.
    IotData,
    /// Job executions as devices see them over HTTP.
    JobsData,
    /// Secure tunneling.
    Tunneling,
    /// Security tokens: who one is, and sessions of roles.
    Sts,
    /// Users, groups, roles and what they may do.
    Iam,
}

/// The wire form of requests and replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Method and path name the operation, the body is JSON.
    RestJson,
    /// `POST /`, `X-Amz-Target` names the operation, the body is JSON 1.1.
    Json11,
    /// `Action` names the operation, the answer is XML.
    QueryXml,
}

impl Service {
    /// All services, in the order of the tables.
    pub const ALL: [Self; 6] =
        [Self::Iot, Self::IotData, Self::JobsData, Self::Tunneling, Self::Sts, Self::Iam];

    /// The service name in a credential scope, in AWS's own capitals.
    #[must_use]
    pub const fn signing_name(self) -> &'static str {
        match self {
            Self::Iot => "iot",
            Self::IotData => "iotdata",
            Self::JobsData => "iot-jobs-data",
            Self::Tunneling => "IoTSecuredTunneling",
            Self::Sts => "sts",
            Self::Iam => "iam",
        }
    }

    /// What comes before the dot in `X-Amz-Target`, for a service that uses that header.
    #[must_use]
    pub const fn target_prefix(self) -> Option<&'static str> {
        match self {
            Self::Tunneling => Some("IoTSecuredTunneling"),
            Self::Iot | Self::IotData | Self::JobsData | Self::Sts | Self::Iam => None,
        }
    }

    /// The first labels of the host that AWS serves it on, before the region.
    #[must_use]
    pub const fn host_prefix(self) -> &'static str {
        match self {
            Self::Iot => "iot",
            Self::IotData => "data-ats.iot",
            Self::JobsData => "data.jobs.iot",
            Self::Tunneling => "api.tunneling.iot",
            Self::Sts => "sts",
            Self::Iam => "iam",
        }
    }

    /// The namespace of its answers, for a service that answers in XML.
    #[must_use]
    pub const fn namespace(self) -> Option<&'static str> {
        match self {
            Self::Sts => Some("https://sts.amazonaws.com/doc/2011-06-15/"),
            Self::Iam => Some("https://iam.amazonaws.com/doc/2010-05-08/"),
            Self::Iot | Self::IotData | Self::JobsData | Self::Tunneling => None,
        }
    }

    /// The wire form of this service.
    #[must_use]
    pub const fn protocol(self) -> Protocol {
        match self {
            Self::Iot | Self::IotData | Self::JobsData => Protocol::RestJson,
            Self::Tunneling => Protocol::Json11,
            Self::Sts | Self::Iam => Protocol::QueryXml,
        }
    }

    /// Every operation of AWS's model, by name in ascending order, whether served or not.
    #[must_use]
    pub const fn operations(self) -> &'static [Operation] {
        match self {
            Self::Iot => table::iot::OPERATIONS,
            Self::IotData => table::iot_data::OPERATIONS,
            Self::JobsData => table::jobs_data::OPERATIONS,
            Self::Tunneling => table::tunneling::OPERATIONS,
            Self::Sts => table::sts::OPERATIONS,
            Self::Iam => table::iam::OPERATIONS,
        }
    }

    /// Operations that AWS does not have, by name in ascending order. They are signed, bound and refused like AWS's.
    #[must_use]
    pub const fn ours(self) -> &'static [Operation] {
        match self {
            Self::Iot => table::ours::OPERATIONS,
            Self::IotData | Self::JobsData | Self::Tunneling | Self::Sts | Self::Iam => &[],
        }
    }

    /// The operation of that exact name, AWS's or ours.
    #[must_use]
    pub fn operation(self, name: &str) -> Option<&'static Operation> {
        let find = |rows: &'static [Operation]| {
            rows.binary_search_by(|row| row.name.cmp(name)).ok().and_then(|at| rows.get(at))
        };
        find(self.operations()).or_else(|| find(self.ours()))
    }

    /// The service that a credential scope names; `None` for a name that fits none of the six or more than one.
    ///
    /// `iotdevicegateway` is what older data-plane clients sign (spec: control-plane §2).
    #[must_use]
    pub fn from_signing_name(name: &str) -> Option<Self> {
        if name == "iotdevicegateway" {
            return Some(Self::IotData);
        }
        Self::ALL.into_iter().find(|service| service.signing_name() == name)
    }

    /// Whether validation messages quote the refused value (`Value 'x' at …`); AWS IoT leaves it out (`Value at …`).
    #[must_use]
    pub const fn quotes_values(self) -> bool {
        match self {
            Self::Tunneling | Self::Sts => true,
            Self::Iot | Self::IotData | Self::JobsData | Self::Iam => false,
        }
    }
}
