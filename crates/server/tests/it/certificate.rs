//! Device certificates, rule by rule.

use serde_json::{Value, json};

use crate::bed::Bed;
use crate::iot::{ACCOUNT, PREFIX, call, certificate, done, get, pages, policy, refused, thing};

const OWN: &str = include_str!("testdata/own.pem");
const OWN_SHA1: &str = include_str!("testdata/own-sha1.pem");
const OWN_V1: &str = include_str!("testdata/own-v1.pem");

async fn set_status(bed: &Bed, id: &str, status: &str) -> crate::bed::Answer {
    call(bed, "PUT", &format!("/certificates/{id}?newStatus={status}"), Value::Null).await
}

#[tokio::test]
async fn keys_are_made_and_shown_once() {
    let bed = Bed::new().await;
    let made = call(&bed, "POST", "/keys-and-certificate?setAsActive=true", Value::Null).await.json();
    let id = made["certificateId"].as_str().unwrap();
    assert_eq!(made["certificateArn"], format!("{PREFIX}cert/{id}"));
    let private = made["keyPair"]["PrivateKey"].as_str().unwrap();
    assert!(private.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"), "{private}");
    let public = made["keyPair"]["PublicKey"].as_str().unwrap();
    assert!(public.starts_with("-----BEGIN PUBLIC KEY-----\n"), "{public}");

    let shown = get(&bed, &format!("/certificates/{id}")).await["certificateDescription"].clone();
    let now = bed.clock.now_ms() as f64 / 1000.0;
    assert_eq!(shown["creationDate"].as_f64(), Some(now));
    assert_eq!(
        shown,
        json!({
            "certificateArn": made["certificateArn"],
            "certificateId": id,
            "status": "ACTIVE",
            "certificatePem": made["certificatePem"],
            "ownedBy": ACCOUNT,
            "creationDate": shown["creationDate"],
            "lastModifiedDate": shown["creationDate"],
            "customerVersion": 1,
            "generationId": shown["generationId"],
            "validity": {
                "notBefore": (bed.clock.now_ms() / 1000) - 120,
                "notAfter": 2_524_607_999_i64,
            },
            "certificateMode": "DEFAULT",
        })
    );
    let line: String = private.lines().nth(1).unwrap().to_owned();
    bed.running.state().store.check().await.unwrap();
    for entry in std::fs::read_dir(bed.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(line.len()).any(|window| window == line.as_bytes()), "{}", path.display());
        }
    }
}

#[tokio::test]
async fn a_request_is_answered_with_another_certificate_every_time() {
    let bed = Bed::new().await;
    let (first, second) = (certificate(&bed, false).await, certificate(&bed, true).await);
    assert_ne!(first, second);
    let shown = get(&bed, &format!("/certificates/{first}")).await;
    assert_eq!(shown["certificateDescription"]["status"], "INACTIVE");
    let answer = call(&bed, "POST", "/certificates", json!({ "certificateSigningRequest": "doc" })).await;
    let text = "CSR violates constraints: it must be one PEM certificate request";
    refused(&answer, 400, "InvalidRequestException", text);
}

#[tokio::test]
async fn certificates_of_others_are_registered_once() {
    let bed = Bed::new().await;
    let register = async |pem: &str, status: &str| {
        let body = json!({ "certificatePem": pem, "status": status });
        call(&bed, "POST", "/certificate/register-no-ca", body).await
    };
    for status in ["PENDING_ACTIVATION", "PENDING_TRANSFER"] {
        let text = format!("Not allowed to register certificate with {status} status");
        refused(&register(OWN, status).await, 406, "CertificateStateException", &text);
    }
    let answer = register(OWN, "ACTIVE").await;
    let id = answer.json()["certificateId"].as_str().unwrap().to_owned();
    assert_eq!(answer.json(), json!({ "certificateArn": format!("{PREFIX}cert/{id}"), "certificateId": id }));
    let shown = get(&bed, &format!("/certificates/{id}")).await["certificateDescription"].clone();
    assert_eq!((&shown["certificateMode"], &shown["status"]), (&json!("SNI_ONLY"), &json!("ACTIVE")));
    assert_eq!((&shown["certificatePem"], shown.get("caCertificateId")), (&json!(OWN), None));

    let again = register(OWN, "INACTIVE").await;
    let text = format!(
        "The certificate with id {id} already exists. The certificate is already provisioned or registered"
    );
    refused(&again, 409, "ResourceAlreadyExistsException", &text);
    assert_eq!(again.json()["resourceId"], id);
    assert_eq!(again.json()["resourceArn"], format!("{PREFIX}cert/{id}"));

    let v1 =
        call(&bed, "POST", "/certificate/register-no-ca", json!({ "certificatePem": OWN_V1 })).await.json();
    let shown = get(&bed, &format!("/certificates/{}", v1["certificateId"].as_str().unwrap())).await;
    assert_eq!(shown["certificateDescription"]["status"], "INACTIVE");
    let with_key = format!("{OWN}\n-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n");
    for bad in [OWN_SHA1, "doc", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &with_key]
    {
        let answer = register(bad, "ACTIVE").await;
        assert_eq!(answer.header("x-amzn-errortype"), Some("CertificateValidationException"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_status_changes_by_the_rules() {
    let bed = Bed::new().await;
    let id = certificate(&bed, false).await;
    let shown = async || get(&bed, &format!("/certificates/{id}")).await["certificateDescription"].clone();
    let created = shown().await["creationDate"].clone();
    bed.clock.advance(std::time::Duration::from_secs(60));
    for (status, version) in
        [("INACTIVE", 1), ("ACTIVE", 2), ("ACTIVE", 2), ("REGISTER_INACTIVE", 3), ("REVOKED", 4)]
    {
        assert_eq!(set_status(&bed, &id, status).await.status, 200, "{status}");
        let now = shown().await;
        assert_eq!((&now["customerVersion"], &now["creationDate"]), (&json!(version), &created), "{status}");
        assert_eq!(now["lastModifiedDate"] == created, version == 1, "{status}");
    }
    assert_eq!(set_status(&bed, &id, "REVOKED").await.status, 200);
    for status in ["ACTIVE", "INACTIVE", "PENDING_ACTIVATION", "PENDING_TRANSFER"] {
        let answer = set_status(&bed, &id, status).await;
        assert_eq!(answer.header("x-amzn-errortype"), Some("CertificateStateException"), "{answer:?}");
        assert_eq!(answer.status, 406);
    }
    let unknown = "0".repeat(64);
    let text = format!("CertificateId {unknown} does not exist");
    refused(&set_status(&bed, &unknown, "ACTIVE").await, 404, "ResourceNotFoundException", &text);
    let hex = format!("0x{}", "a".repeat(62));
    let text = format!("CertificateId {hex} does not exist");
    refused(&set_status(&bed, &hex, "ACTIVE").await, 404, "ResourceNotFoundException", &text);
    assert_eq!(
        set_status(&bed, &id, "DONE").await.header("x-amzn-errortype"),
        Some("InvalidRequestException")
    );
}

#[tokio::test]
async fn deletion_waits_for_status_then_things_then_policies() {
    let bed = Bed::new().await;
    let id = certificate(&bed, true).await;
    let arn = format!("{PREFIX}cert/{id}");
    policy(&bed, "p").await;
    thing(&bed, "lamp").await;
    done(&bed, "PUT", "/target-policies/p", json!({ "target": arn })).await;
    let principal = format!("x-amzn-principal: {arn}");
    let attach = crate::iot::with(&bed, "PUT", "/things/lamp/principals", &[&principal], Value::Null).await;
    assert_eq!(attach.status, 200, "{attach:?}");
    let delete = async |force: bool| {
        call(&bed, "DELETE", &format!("/certificates/{id}?forceDelete={force}"), Value::Null).await
    };
    for force in [false, true] {
        let text = format!("Certificate must be deactivated (not ACTIVE) before deletion. Id: {id}");
        refused(&delete(force).await, 406, "CertificateStateException", &text);
    }
    assert_eq!(set_status(&bed, &id, "INACTIVE").await.status, 200);
    for force in [false, true] {
        let text = format!("Things must be detached before deletion (arn: {arn})");
        refused(&delete(force).await, 409, "DeleteConflictException", &text);
    }
    let text = "Cannot delete. Thing lamp is still attached to one or more principals";
    refused(&call(&bed, "DELETE", "/things/lamp", Value::Null).await, 400, "InvalidRequestException", text);
    let detach =
        crate::iot::with(&bed, "DELETE", "/things/lamp/principals", &[&principal], Value::Null).await;
    assert_eq!(detach.status, 200);
    done(&bed, "DELETE", "/things/lamp", Value::Null).await;
    let text = format!("Certificate policies must be detached before deletion (arn: {arn})");
    refused(&delete(false).await, 409, "DeleteConflictException", &text);
    assert_eq!(delete(true).await.body, "{}");
    let text = format!("CertificateId {id} does not exist");
    refused(&delete(true).await, 404, "ResourceNotFoundException", &text);
    // The forced deletion has detached the policy.
    done(&bed, "DELETE", "/policies/p", Value::Null).await;
}

#[tokio::test]
async fn lists_are_newest_first_and_a_marker_is_good_for_both_orders() {
    let bed = Bed::new().await;
    let mut ids = Vec::new();
    for _ in 0..7 {
        ids.push(certificate(&bed, true).await);
    }
    let of = |pages: Vec<Vec<Value>>| -> Vec<String> {
        pages.concat().iter().map(|line| line["certificateId"].as_str().unwrap().to_owned()).collect()
    };
    let oldest =
        pages(&bed, "/certificates?isAscendingOrder=true&pageSize=3", "certificates", "nextMarker").await;
    assert_eq!(oldest.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    let line = &oldest[0][0];
    let expected = json!({
        "certificateArn": format!("{PREFIX}cert/{}", ids[0]),
        "certificateId": ids[0],
        "status": "ACTIVE",
        "certificateMode": "DEFAULT",
        "creationDate": line["creationDate"],
    });
    assert_eq!(*line, expected);
    assert_eq!(of(oldest), ids);
    let newest = of(pages(&bed, "/certificates?pageSize=2", "certificates", "nextMarker").await);
    assert_eq!(newest, ids.iter().rev().cloned().collect::<Vec<_>>());
    // A page that began at the old end turns round at its marker.
    let first = get(&bed, "/certificates?isAscendingOrder=true&pageSize=3").await;
    let marker =
        first["nextMarker"].as_str().unwrap().replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let back = get(&bed, &format!("/certificates?marker={marker}")).await;
    assert_eq!(of(vec![back["certificates"].as_array().unwrap().clone()]), [ids[1].clone(), ids[0].clone()]);

    let ca = "a".repeat(64);
    assert_eq!(get(&bed, &format!("/certificates-by-ca/{ca}")).await, json!({ "certificates": [] }));
    let answer = call(&bed, "GET", &format!("/certificates-by-ca/{ca}?marker={marker}"), Value::Null).await;
    let text = "Invalid/Malformed marker passed for listCertificateByCA";
    refused(&answer, 400, "InvalidRequestException", text);
    for path in ["/certificates?pageSize=0", "/certificates?pageSize=251", "/certificates?marker=_"] {
        let answer = call(&bed, "GET", path, Value::Null).await;
        assert_eq!(
            (answer.status, answer.header("x-amzn-errortype")),
            (400, Some("InvalidRequestException"))
        );
    }
}

#[tokio::test]
async fn what_changes_a_certificate_is_audited_with_its_arn() {
    let bed = Bed::new().await;
    let id = certificate(&bed, true).await;
    set_status(&bed, &id, "REVOKED").await;
    call(&bed, "DELETE", &format!("/certificates/{id}"), Value::Null).await;
    let rows = bed.audit().await;
    for action in ["CreateCertificateFromCsr", "UpdateCertificate", "DeleteCertificate"] {
        let row = rows.iter().find(|row| row["action"] == action).unwrap();
        assert_eq!(row["resource"], format!("{PREFIX}cert/{id}"), "{row}");
    }
}
