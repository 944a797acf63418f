//! The AWS API over the wire: signatures, wire forms and faults.

use adit_aws::{Service, Signer};
use adit_server::config::Config;

use crate::bed::{Bed, signed};

#[tokio::test]
async fn the_first_call_of_everybody() {
    let bed = Bed::new().await;
    let form = "Action=GetCallerIdentity&Version=2011-06-15";
    let kind = "content-type: application/x-www-form-urlencoded";
    let answer = bed.signed(Service::Sts, "POST", "/", &[kind], form).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains("<Arn>arn:aws:iam::123456789012:root</Arn>"), "{}", answer.body);
    assert!(answer.body.contains("<Account>123456789012</Account>"));
    assert_eq!(answer.header("content-type"), Some("text/xml"));
    assert_eq!(answer.header("x-amzn-requestid").map(str::len), Some(36));
    assert!(answer.header("date").is_some());
}

#[tokio::test]
async fn things_around_a_tunnel() {
    let bed = Bed::new().await;
    let call =
        async |method: &str, path: &str, body: &str| bed.signed(Service::Iot, method, path, &[], body).await;
    let made = call("POST", "/things/lamp1", "{}").await;
    assert_eq!(made.json()["thingArn"], "arn:aws:iot:us-east-1:123456789012:thing/lamp1");
    assert_eq!(call("GET", "/things/lamp1", "").await.json()["version"], 1);
    assert_eq!(call("GET", "/things", "").await.json()["things"][0]["thingName"], "lamp1");
    let missing = call("GET", "/things/lamp2", "").await;
    assert_eq!(missing.status, 404);
    assert_eq!(missing.header("x-amzn-errortype"), Some("ResourceNotFoundException"));
    assert_eq!(missing.json()["message"], "Thing 123456789012:lamp2 not found.");
    assert_eq!(call("DELETE", "/things/lamp1", "").await.json(), serde_json::json!({}));
}

#[tokio::test]
async fn who_is_not_known_is_refused_in_the_services_own_way() {
    let bed = Bed::new().await;
    let (id, secret) = bed.key();
    let now = bed.clock.now_ms() / 1000;
    let signer = |service: Service| Signer {
        key_id: &id,
        secret: &secret,
        session_token: None,
        region: "us-east-1",
        service: service.signing_name(),
        now,
    };
    let target = ["x-amz-target: IoTSecuredTunneling.ListTunnels"];
    let tunneling = async |who: Signer<'_>| bed.signed_by(&who, "POST", "/", &target, "{}").await;
    let iot = async |who: Signer<'_>| bed.signed_by(&who, "GET", "/things", &[], "").await;

    let good = tunneling(signer(Service::Tunneling)).await;
    assert_eq!((good.status, good.body.as_str()), (200, "{\"tunnelSummaries\":[]}"));

    let cases = [
        (
            tunneling(Signer { key_id: "AKIANOBODYKNOWSTHISX", ..signer(Service::Tunneling) }).await,
            (400, "UnrecognizedClientException", "The security token included in the request is invalid."),
        ),
        (
            iot(Signer { key_id: "AKIANOBODYKNOWSTHISX", ..signer(Service::Iot) }).await,
            (403, "UnrecognizedClientException", "The security token included in the request is invalid."),
        ),
        (
            iot(Signer { session_token: Some("made-up"), ..signer(Service::Iot) }).await,
            (403, "UnrecognizedClientException", "The security token included in the request is invalid."),
        ),
        (
            iot(Signer { secret: "wrong", ..signer(Service::Iot) }).await,
            (403, "InvalidSignatureException", "The request signature we calculated does not match"),
        ),
        (
            tunneling(Signer { now: now - 3600, ..signer(Service::Tunneling) }).await,
            (400, "InvalidSignatureException", "Signature expired: "),
        ),
        (
            iot(Signer { now: now + 3600, ..signer(Service::Iot) }).await,
            (403, "InvalidSignatureException", "Signature not yet current: "),
        ),
        (
            bed.get("/things").await,
            (403, "MissingAuthenticationTokenException", "Missing Authentication Token"),
        ),
        (
            bed.signed_by(
                &signer(Service::Tunneling),
                "POST",
                "/",
                &["x-amz-target: IoTSecuredTunneling.DigTunnel"],
                "{}",
            )
            .await,
            (400, "UnknownOperationException", ""),
        ),
    ];
    for (answer, (status, code, text)) in cases {
        assert_eq!((answer.status, answer.header("x-amzn-errortype")), (status, Some(code)), "{answer:?}");
        assert_eq!(answer.json()["__type"], code);
        assert!(answer.json()["message"].as_str().unwrap().starts_with(text), "{answer:?}");
        assert!(answer.header("x-amzn-requestid").is_some());
    }
    let xml = bed
        .signed_by(
            &Signer { secret: "wrong", ..signer(Service::Sts) },
            "POST",
            "/",
            &[],
            "Action=GetCallerIdentity&Version=2011-06-15",
        )
        .await;
    assert_eq!(xml.status, 403);
    assert!(xml.body.contains("<Code>SignatureDoesNotMatch</Code>"), "{}", xml.body);
}

#[tokio::test]
async fn all_that_breaks_a_constraint_is_told() {
    let bed = Bed::new().await;
    let answer = bed
        .tunneling(
            "OpenTunnel",
            serde_json::json!({ "timeoutConfig": { "maxLifetimeTimeoutMinutes": 9999 } }),
        )
        .await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, Some("ValidationException")));
    assert_eq!(
        answer.json()["message"],
        "1 validation error detected: Value '9999' at 'timeoutConfig.maxLifetimeTimeoutMinutes' failed to satisfy \
         constraint: Member must have value less than or equal to 720"
    );
    let wrong = bed
        .signed(Service::Tunneling, "POST", "/", &["x-amz-target: IoTSecuredTunneling.OpenTunnel"], "{")
        .await;
    assert_eq!((wrong.status, wrong.header("x-amzn-errortype")), (400, Some("SerializationException")));
}

#[tokio::test]
async fn quotas_come_from_the_configuration() {
    let bed = Bed::with(|c| c.tunnel.max_open_tunnels = 1).await;
    bed.open().await;
    let answer = bed.tunneling("OpenTunnel", serde_json::json!({})).await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, Some("LimitExceededException")));
    let services = serde_json::json!({ "destinationConfig": { "services": ["a", "b", "c", "d"] } });
    let answer = bed.tunneling("OpenTunnel", services).await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, Some("LimitExceededException")));
}

#[tokio::test]
async fn any_account_is_accepted_only_with_the_switch() {
    let form = "Action=GetCallerIdentity&Version=2011-06-15";
    let call = async |bed: &Bed| {
        let who = Signer {
            key_id: "111122223333",
            secret: "shared",
            session_token: None,
            region: "eu-west-1",
            service: "sts",
            now: bed.clock.now_ms() / 1000,
        };
        bed.send(signed(&who, "POST", "/", &[], form)).await
    };
    assert_eq!(call(&Bed::new().await).await.status, 403);
    let bed = Bed::with(|config| {
        let file = config.node.data_dir.join("shared-secret");
        std::fs::write(&file, "shared\n").unwrap();
        config.test.any_account_secret_file = Some(file);
    })
    .await;
    let answer = call(&bed).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains("<Account>111122223333</Account>"));
}

#[tokio::test]
async fn a_listener_serves_what_it_is_told() {
    let only = |serve| move |config: &mut Config| config.listen[0].serve = vec![serve];
    let bed = Bed::with(only(adit_server::config::Serve::Tunnel)).await;
    let answer = bed.get("/things").await;
    assert_eq!(answer.status, 404);
    assert!(answer.body.starts_with("Nothing is served here but tunnel data"));
    let bed = Bed::with(only(adit_server::config::Serve::Api)).await;
    let (_, token, _) = bed.open().await;
    assert_eq!(bed.join("source", &token, "").await.1.status, 403);
}
