//! Operations that AWS does not have: signed for `iot` like the registry's, for our console and for scripts. Written by
//! hand; every path begins with `/adit/`, which no path of AWS's does.

use crate::pattern;
use crate::service::Service;
use crate::table::{Check, Fault, Method, Operation, Place, Text, may, need};

/// By name, ascending.
pub static OPERATIONS: &[Operation] = &[
    Operation {
        name: "ExplainAuthorization",
        service: Service::Iot,
        method: Method::Post,
        path: "/adit/authorization/explain",
        status: 200,
        members: &[
            may("principal", &ANY),
            may("clientId", &TEXT),
            need("authInfos", &AUTH_INFOS),
            may("policyNamesToAdd", &POLICY_NAMES),
            may("policyNamesToSkip", &POLICY_NAMES),
        ],
        faults: FAULTS,
    },
    Operation {
        name: "GetServerHealth",
        service: Service::Iot,
        method: Method::Get,
        path: "/adit/health",
        status: 200,
        members: &[],
        faults: FAULTS,
    },
    Operation {
        name: "ListAuditEvents",
        service: Service::Iot,
        method: Method::Get,
        path: "/adit/audit-events",
        status: 200,
        members: &[
            may("resource", &ANY).at(Place::Query, "resource"),
            may("principal", &ANY).at(Place::Query, "principal"),
            may("action", &TEXT).at(Place::Query, "action"),
            may("failed", &FLAG).at(Place::Query, "failed"),
            may("ipAddress", &TEXT).at(Place::Query, "ipAddress"),
            may("maxResults", &MAX_RESULTS).at(Place::Query, "maxResults"),
            may("nextToken", &NEXT_TOKEN).at(Place::Query, "nextToken"),
        ],
        faults: FAULTS,
    },
    Operation {
        name: "ListConnections",
        service: Service::Iot,
        method: Method::Get,
        path: "/adit/connections",
        status: 200,
        members: &[
            may("clientId", &TEXT).at(Place::Query, "clientId"),
            may("certificateId", &CERTIFICATE_ID).at(Place::Query, "certificateId"),
            may("maxResults", &MAX_RESULTS).at(Place::Query, "maxResults"),
            may("nextToken", &NEXT_TOKEN).at(Place::Query, "nextToken"),
        ],
        faults: FAULTS,
    },
    Operation {
        name: "ListLimits",
        service: Service::Iot,
        method: Method::Get,
        path: "/adit/limits",
        status: 200,
        members: &[],
        faults: FAULTS,
    },
    Operation {
        name: "ListProvisioningAttempts",
        service: Service::Iot,
        method: Method::Get,
        path: "/adit/provisioning-attempts",
        status: 200,
        members: &[
            may("certificateId", &CERTIFICATE_ID).at(Place::Query, "certificateId"),
            may("caCertificateId", &CERTIFICATE_ID).at(Place::Query, "caCertificateId"),
            may("failed", &FLAG).at(Place::Query, "failed"),
            may("maxResults", &MAX_RESULTS).at(Place::Query, "maxResults"),
            may("nextToken", &NEXT_TOKEN).at(Place::Query, "nextToken"),
        ],
        faults: FAULTS,
    },
    Operation {
        name: "ListRefusals",
        service: Service::Iot,
        method: Method::Get,
        path: "/adit/refusals",
        status: 200,
        members: &[
            may("thingName", &THING_NAME).at(Place::Query, "thingName"),
            may("certificateId", &CERTIFICATE_ID).at(Place::Query, "certificateId"),
            may("clientId", &TEXT).at(Place::Query, "clientId"),
            may("ipAddress", &TEXT).at(Place::Query, "ipAddress"),
            may("maxResults", &MAX_RESULTS).at(Place::Query, "maxResults"),
            may("nextToken", &NEXT_TOKEN).at(Place::Query, "nextToken"),
        ],
        faults: FAULTS,
    },
    Operation {
        name: "ListThingEvents",
        service: Service::Iot,
        method: Method::Get,
        path: "/adit/things/{thingName}/events",
        status: 200,
        members: &[
            need("thingName", &THING_NAME).at(Place::Path, "thingName"),
            may("maxResults", &MAX_RESULTS).at(Place::Query, "maxResults"),
            may("nextToken", &NEXT_TOKEN).at(Place::Query, "nextToken"),
        ],
        faults: FAULTS,
    },
    Operation {
        name: "PlanProvisioning",
        service: Service::Iot,
        method: Method::Post,
        path: "/adit/provisioning-templates/{templateName}/plan",
        status: 200,
        members: &[
            need("templateName", &TEMPLATE_NAME).at(Place::Path, "templateName"),
            may("versionId", &VERSION_ID),
            may("templateBody", &TEMPLATE_BODY),
            may("parameters", &PARAMETERS),
        ],
        faults: FAULTS,
    },
    Operation {
        name: "RetryProvisioning",
        service: Service::Iot,
        method: Method::Post,
        path: "/adit/provisioning-attempts/{certificateId}/retry",
        status: 200,
        members: &[need("certificateId", &CERTIFICATE_ID).at(Place::Path, "certificateId")],
        faults: FAULTS,
    },
];

const FAULTS: &[Fault] = &[
    Fault { name: "InternalFailureException", status: 500 },
    Fault { name: "InvalidRequestException", status: 400 },
    Fault { name: "ServiceUnavailableException", status: 503 },
    Fault { name: "ThrottlingException", status: 400 },
    Fault { name: "UnauthorizedException", status: 401 },
];

static ACTION_TYPE: Check = Check::Text(Text::one_of(&["PUBLISH", "SUBSCRIBE", "RECEIVE", "CONNECT"]));
static ANY: Check = Check::Text(Text::sized(1, 2048));
static AUTH_INFO: Check =
    Check::Structure(&[need("actionType", &ACTION_TYPE), need("resources", &RESOURCES)]);
static AUTH_INFOS: Check = Check::List { min: 1, max: 10, item: &AUTH_INFO };
/// The whole id of a certificate or its beginning.
static CERTIFICATE_ID: Check = Check::Text(Text::sized(1, 64).like(&pattern::HEX_ID));
static FLAG: Check = Check::Boolean;
static MAX_RESULTS: Check = Check::Integer { min: 1, max: 250 };
static NEXT_TOKEN: Check = Check::Text(Text::any());
static PARAMETERS: Check = Check::Map { min: 0, max: 100, key: &TEXT, value: &PARAMETER_VALUE };
static PARAMETER_VALUE: Check = Check::Text(Text::sized(0, 4096));
static POLICY_NAME: Check = Check::Text(Text::sized(1, 128).like(&pattern::ROLE_SESSION));
static POLICY_NAMES: Check = Check::List { min: 0, max: 20, item: &POLICY_NAME };
static RESOURCES: Check = Check::List { min: 1, max: 100, item: &ANY };
static TEMPLATE_BODY: Check = Check::Text(Text::sized(0, 10_240));
static TEMPLATE_NAME: Check = Check::Text(Text::sized(1, 36).like(&pattern::THING_NAME));
static TEXT: Check = Check::Text(Text::sized(1, 128));
static THING_NAME: Check = Check::Text(Text::sized(1, 128).like(&pattern::THING_NAME));
static VERSION_ID: Check = Check::Integer { min: 1, max: i32::MAX as i64 };
