//! CA certificates of customers and the certificates registered under them, rule by rule.

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

use crate::bed::{Answer, Bed};
use crate::iot::{ACCOUNT, PREFIX, call, done, get, refused};

/// A CA of a customer.
pub struct Root {
    params: CertificateParams,
    key: KeyPair,
    pub pem: String,
}

fn params(names: &[(DnType, &str)]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for (kind, value) in names {
        params.distinguished_name.push(kind.clone(), *value);
    }
    params
}

impl Root {
    pub fn new(name: &str) -> Root {
        Root::of(params(&[(DnType::CommonName, name)]))
    }

    fn of(mut params: CertificateParams) -> Root {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Root { params, key, pem }
    }

    /// A certificate with this subject, and its key.
    pub fn issue(&self, names: &[(DnType, &str)]) -> (rcgen::Certificate, KeyPair) {
        self.sign(params(names))
    }

    /// The same of one that is over.
    pub fn issue_expired(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let mut params = params(&[(DnType::CommonName, name)]);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::from_params(&self.params, &self.key);
        (params.signed_by(&key, &issuer).unwrap(), key)
    }

    pub fn named(&self, name: &str) -> String {
        self.issue(&[(DnType::CommonName, name)]).0.pem()
    }

    /// Registers it; its id.
    pub async fn register(&self, bed: &Bed, query: &str, config: Value) -> String {
        let answer = self.try_register(bed, query, config).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["certificateId"].as_str().unwrap().to_owned()
    }

    pub async fn try_register(&self, bed: &Bed, query: &str, config: Value) -> Answer {
        let mut body = json!({
            "caCertificate": self.pem,
            "verificationCertificate": self.named(&code(bed).await),
        });
        if !config.is_null() {
            body["registrationConfig"] = config;
        }
        call(bed, "POST", &format!("/cacertificate{query}"), body).await
    }
}

pub async fn code(bed: &Bed) -> String {
    get(bed, "/registrationcode").await["registrationCode"].as_str().unwrap().to_owned()
}

async fn register_certificate(bed: &Bed, body: Value) -> Answer {
    call(bed, "POST", "/certificate/register", body).await
}

#[tokio::test]
async fn a_code_stays_until_it_is_deleted() {
    let bed = Bed::new().await;
    let first = code(&bed).await;
    assert!(first.len() == 64 && first.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{first}");
    assert_eq!(code(&bed).await, first);
    for _ in 0..2 {
        done(&bed, "DELETE", "/registrationcode", Value::Null).await;
    }
    assert_ne!(code(&bed).await, first);
}

#[tokio::test]
async fn a_ca_is_registered_shown_changed_and_deleted() {
    let bed = Bed::new().await;
    let root = Root::new("r");
    let id = root.register(&bed, "", Value::Null).await;
    let path = format!("/cacertificate/{id}");
    let shown = get(&bed, &path).await;
    let now = bed.clock.now_ms() as f64 / 1000.0;
    let description = &shown["certificateDescription"];
    assert_eq!(
        shown,
        json!({ "certificateDescription": {
            "certificateArn": format!("{PREFIX}cacert/{id}"),
            "certificateId": id,
            "status": "INACTIVE",
            "certificatePem": root.pem,
            "ownedBy": ACCOUNT,
            "creationDate": now,
            "lastModifiedDate": now,
            "customerVersion": 1,
            "generationId": description["generationId"],
            "validity": description["validity"],
            "autoRegistrationStatus": "DISABLE",
            "certificateMode": "DEFAULT",
        } })
    );
    assert!(description["validity"]["notBefore"].is_number());

    let update = format!("{path}?newStatus=ACTIVE&newAutoRegistrationStatus=ENABLE");
    done(&bed, "PUT", &update, Value::Null).await;
    let shown = get(&bed, &path).await["certificateDescription"].clone();
    assert_eq!((&shown["status"], &shown["autoRegistrationStatus"]), (&json!("ACTIVE"), &json!("ENABLE")));
    assert_eq!(shown["customerVersion"], 2);
    let listed = get(&bed, "/cacertificates").await;
    assert_eq!(listed["certificates"][0]["certificateId"], json!(id));
    assert_eq!(listed["certificates"][0]["status"], "ACTIVE");

    let text = format!("CA Certificate must be deactivated (not ACTIVE) before deletion. Id: {id}");
    refused(&call(&bed, "DELETE", &path, Value::Null).await, 406, "CertificateStateException", &text);
    done(&bed, "PUT", &format!("{path}?newStatus=INACTIVE"), Value::Null).await;
    done(&bed, "DELETE", &path, Value::Null).await;
    for method in ["GET", "DELETE", "PUT"] {
        let answer = call(&bed, method, &path, Value::Null).await;
        refused(&answer, 404, "ResourceNotFoundException", "Requested CA Certificate does not exist.");
    }
}

#[tokio::test]
async fn what_changes_a_ca_is_audited_with_its_arn() {
    let bed = Bed::new().await;
    let id = Root::new("r").register(&bed, "", Value::Null).await;
    done(&bed, "PUT", &format!("/cacertificate/{id}?newStatus=INACTIVE"), Value::Null).await;
    done(&bed, "DELETE", &format!("/cacertificate/{id}"), Value::Null).await;
    let rows = bed.audit().await;
    for action in ["RegisterCACertificate", "UpdateCACertificate", "DeleteCACertificate"] {
        let row = rows.iter().find(|row| row["action"] == action).unwrap();
        assert_eq!(row["resource"], format!("{PREFIX}cacert/{id}"), "{row}");
    }
}

#[tokio::test]
async fn who_registers_a_ca_proves_to_hold_its_key() {
    let bed = Bed::new().await;
    let (root, other) = (Root::new("r"), Root::new("o"));
    let register = async |body: Value| call(&bed, "POST", "/cacertificate", body).await;
    let code = code(&bed).await;
    let with =
        |verification: String| json!({ "caCertificate": root.pem, "verificationCertificate": verification });
    let answer = register(json!({ "caCertificate": root.pem })).await;
    let text = "Need to provide verification certificate for registering CA Certificates in DEFAULT mode";
    refused(&answer, 400, "InvalidRequestException", text);
    let answer = register(with("x".to_owned())).await;
    refused(
        &answer,
        400,
        "InvalidRequestException",
        "Contents of the Verification Certificate are not correct",
    );
    let answer = register(with(other.named(&code))).await;
    let text = "The issuer of the certificate did not match the subject of the provided CA certificate.";
    refused(&answer, 400, "CertificateValidationException", text);
    let answer = register(with(Root::new("r").named(&code))).await;
    let text = "The signature of the certificate failed verification against the provided CA certificate.";
    refused(&answer, 400, "CertificateValidationException", text);
    let answer = register(with(root.named("another"))).await;
    let text = "Registration code provided in the CN field of verification certificate is invalid.";
    refused(&answer, 400, "RegistrationCodeValidationException", text);

    let mut sni = with(root.named(&code));
    sni["certificateMode"] = json!("SNI_ONLY");
    let text = "Cannot provide verification certificate for registering CA Certificates in SNI_ONLY mode";
    refused(&register(sni.clone()).await, 400, "InvalidRequestException", text);
    sni.as_object_mut().unwrap().remove("verificationCertificate");
    assert_eq!(register(sni).await.status, 200);
    let again = register(with(root.named(&code))).await;
    assert_eq!(
        (again.status, again.header("x-amzn-errortype")),
        (409, Some("ResourceAlreadyExistsException"))
    );
    assert!(again.json()["resourceArn"].as_str().unwrap().starts_with(&format!("{PREFIX}cacert/")));
}

#[tokio::test]
async fn a_ca_must_be_one_and_be_valid() {
    let bed = Bed::new().await;
    let root = Root::new("r");
    let verification = root.named(&code(&bed).await);
    let mut old = params(&[(DnType::CommonName, "old")]);
    old.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let mut early = params(&[(DnType::CommonName, "early")]);
    early.not_before = rcgen::date_time_ymd(2100, 1, 1);
    early.not_after = rcgen::date_time_ymd(2101, 1, 1);
    for (pem, says) in [
        (root.named("leaf"), "CA:TRUE"),
        ("x".to_owned(), "in PEM"),
        (Root::of(old).pem, "expired"),
        (Root::of(early).pem, "not valid yet"),
    ] {
        let body = json!({ "caCertificate": pem, "verificationCertificate": verification });
        let answer = call(&bed, "POST", "/cacertificate", body).await;
        assert_eq!(
            (answer.status, answer.header("x-amzn-errortype")),
            (400, Some("CertificateValidationException"))
        );
        assert!(answer.json()["message"].as_str().unwrap().contains(says), "{answer:?}");
    }
}

#[tokio::test]
async fn certificates_are_registered_under_their_ca() {
    let bed = Bed::new().await;
    let root = Root::new("r");
    let device = root.named("d");
    let answer = register_certificate(&bed, json!({ "certificatePem": device })).await;
    assert_eq!(
        (answer.status, answer.header("x-amzn-errortype")),
        (400, Some("CertificateValidationException"))
    );
    let shown = json!({ "certificatePem": device, "caCertificatePem": root.pem });
    let answer = register_certificate(&bed, shown.clone()).await;
    let text = "No CA certificate exists for the given certificate";
    refused(&answer, 406, "CertificateStateException", text);

    let ca = root.register(&bed, "", Value::Null).await;
    for body in [&shown, &json!({ "certificatePem": device })] {
        let answer = register_certificate(&bed, body.clone()).await;
        refused(&answer, 406, "CertificateStateException", "The CA certificate is not active");
    }
    done(&bed, "PUT", &format!("/cacertificate/{ca}?newStatus=ACTIVE"), Value::Null).await;
    let foreign = json!({ "certificatePem": Root::new("o").named("d"), "caCertificatePem": root.pem });
    let text = "The issuer of the certificate did not match the subject of the provided CA certificate.";
    refused(&register_certificate(&bed, foreign).await, 400, "CertificateValidationException", text);

    let answer = register_certificate(&bed, shown.clone()).await;
    let id = answer.json()["certificateId"].as_str().unwrap().to_owned();
    let found = get(&bed, &format!("/certificates/{id}")).await["certificateDescription"].clone();
    assert_eq!((&found["caCertificateId"], &found["status"]), (&json!(ca), &json!("INACTIVE")));
    assert_eq!(register_certificate(&bed, shown).await.status, 409);
    let second = json!({ "certificatePem": root.named("e"), "status": "REVOKED" });
    let path = "/certificate/register?setAsActive=true";
    let second = call(&bed, "POST", path, second).await.json()["certificateId"].clone();
    let listed = get(&bed, &format!("/certificates-by-ca/{ca}")).await["certificates"].clone();
    assert_eq!((&listed[0]["certificateId"], &listed[1]["certificateId"]), (&second, &json!(id)));
    assert_eq!(listed[0]["status"], "REVOKED");
    let none = get(&bed, &format!("/certificates-by-ca/{}", "0".repeat(64))).await;
    assert_eq!(none["certificates"], json!([]));
}

#[tokio::test]
async fn certificates_of_this_server_are_registered_again_under_no_ca() {
    let bed = Bed::new().await;
    let made = call(&bed, "POST", "/keys-and-certificate", Value::Null).await.json();
    let (id, pem) = (made["certificateId"].as_str().unwrap(), &made["certificatePem"]);
    done(&bed, "DELETE", &format!("/certificates/{id}"), Value::Null).await;
    let answer = register_certificate(&bed, json!({ "certificatePem": pem, "status": "ACTIVE" })).await;
    assert_eq!((answer.status, &answer.json()["certificateId"]), (200, &json!(id)));
    let shown = get(&bed, &format!("/certificates/{id}")).await["certificateDescription"].clone();
    assert_eq!((&shown["certificateMode"], &shown["caCertificateId"]), (&json!("DEFAULT"), &Value::Null));
}

#[tokio::test]
async fn a_ca_renewed_with_its_key_makes_its_devices_ambiguous() {
    let bed = Bed::new().await;
    let root = Root::new("r");
    let renewed = Root {
        pem: root.params.self_signed(&root.key).unwrap().pem(),
        params: root.params.clone(),
        key: KeyPair::from_pem(&root.key.serialize_pem()).unwrap(),
    };
    assert_ne!(root.pem, renewed.pem);
    for one in [&root, &renewed] {
        one.register(&bed, "?setAsActive=true", Value::Null).await;
    }
    let device = root.named("d");
    let answer = register_certificate(&bed, json!({ "certificatePem": device })).await;
    assert_eq!(
        (answer.status, answer.header("x-amzn-errortype")),
        (409, Some("CertificateConflictException"))
    );
    let body = json!({ "certificatePem": device, "caCertificatePem": renewed.pem });
    assert_eq!(register_certificate(&bed, body).await.status, 200);
}

#[tokio::test]
async fn a_registration_config_is_kept_replaced_and_removed() {
    let bed = Bed::new().await;
    let root = Root::new("r");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/JITPRole");
    let template = |name: &str| {
        json!({
            "Parameters": { "AWS::IoT::Certificate::Id": { "Type": "String" } },
            "Resources": {
                "certificate": {
                    "Type": "AWS::IoT::Certificate",
                    "Properties": {
                        "CertificateId": { "Ref": "AWS::IoT::Certificate::Id" },
                        "Status": "ACTIVE",
                    },
                },
                "policy": { "Type": "AWS::IoT::Policy", "Properties": { "PolicyName": name } },
            },
        })
        .to_string()
    };
    let config = json!({ "templateBody": template("a"), "roleArn": role });
    let id = root.register(&bed, "?allowAutoRegistration=true", config.clone()).await;
    let path = format!("/cacertificate/{id}");
    assert_eq!(get(&bed, &path).await["registrationConfig"], config);
    let other = json!({ "templateBody": template("b"), "roleArn": role });
    done(&bed, "PUT", &path, json!({ "registrationConfig": other })).await;
    assert_eq!(get(&bed, &path).await["registrationConfig"], other);
    let both = json!({ "registrationConfig": other, "removeAutoRegistration": true });
    assert_eq!(call(&bed, "PUT", &path, both).await.status, 400);
    done(&bed, "PUT", &path, json!({ "removeAutoRegistration": true })).await;
    let shown = get(&bed, &path).await;
    assert_eq!(shown["registrationConfig"], Value::Null);
    assert_eq!(shown["certificateDescription"]["autoRegistrationStatus"], "DISABLE");
    for (bad, says) in [
        (json!({ "templateBody": template("a") }), "needs roleArn"),
        (
            json!({ "templateBody": template("a"), "roleArn": role, "templateName": "t" }),
            "templateName alone",
        ),
        (json!({}), "needs templateName"),
    ] {
        let answer = call(&bed, "PUT", &path, json!({ "registrationConfig": bad })).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.json()["message"].as_str().unwrap().contains(says), "{answer:?}");
    }
}
