//! The data API over HTTPS, with certificates and with signatures (mqtt-gateway §10).

use adit_aws::Service;
use adit_iot::certificate::Status;
use adit_server::config::{Listen, Serve};
use serde_json::{Value, json};

use crate::bed::{Answer, Bed, exchange};
use crate::device::{Client, Device};
use crate::iot::call;

/// Plain with everything but MQTT, and TLS for devices.
async fn bed() -> Bed {
    Bed::with(|config| {
        let any = "127.0.0.1:0".parse().unwrap();
        let plain = vec![Serve::Api, Serve::MqttWs, Serve::DataApi];
        config.listen = [(false, plain), (true, vec![Serve::DataApi])]
            .into_iter()
            .map(|(tls, serve)| Listen { address: any, tls, serve, allow_plain_remote: false })
            .collect();
    })
    .await
}

async fn signed(bed: &Bed, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
    bed.signed(Service::IotData, method, path, headers, body).await
}

async fn with_certificate(bed: &Bed, device: &Device, method: &str, path: &str, body: &str) -> Answer {
    let stream = Client::with(device).connect(bed, bed.tls()).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    exchange(stream, request.as_bytes()).await
}

/// A device that is registered and has one policy.
async fn device(bed: &Bed, statement: Value) -> Device {
    let device = Device::ec();
    device.register(bed, Status::Active).await;
    let document = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
    let made = call(bed, "POST", "/policies/p", json!({ "policyDocument": document })).await;
    assert_eq!(made.status, 200, "{made:?}");
    let arn = format!("arn:aws:iot:us-east-1:123456789012:cert/{}", device.id());
    let attached = call(bed, "PUT", "/target-policies/p", json!({ "target": arn })).await;
    assert_eq!(attached.status, 200, "{attached:?}");
    device
}

#[tokio::test]
async fn a_retained_message_comes_back_and_goes() {
    let bed = bed().await;
    let properties = "x-amz-mqtt5-user-properties: W3siYSI6IjEifSx7ImEiOiIyIn1d";
    let answer = signed(&bed, "POST", "/topics/a/b?qos=1&retain=true", &[properties], "hello").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["message"], "OK");
    assert_eq!(answer.json()["traceId"], answer.header("x-amzn-requestid").unwrap());
    signed(&bed, "POST", "/topics/c?retain=true", &[], "1").await;
    for path in ["/retainedMessage/a/b", "/retainedMessage/a%2Fb"] {
        let shown = signed(&bed, "GET", path, &[], "").await.json();
        let now = bed.clock.now_ms();
        let expected = json!({
            "topic": "a/b", "payload": "aGVsbG8=", "qos": 1, "lastModifiedTime": now,
            "userProperties": "W3siYSI6IjEifSx7ImEiOiIyIn1d",
        });
        assert_eq!(shown, expected);
    }
    let first = signed(&bed, "GET", "/retainedMessage?maxResults=1", &[], "").await.json();
    assert_eq!(
        (&first["retainedTopics"][0]["topic"], &first["retainedTopics"][0]["payloadSize"]),
        (&json!("a/b"), &json!(5))
    );
    let token = first["nextToken"].as_str().unwrap();
    let rest = signed(&bed, "GET", &format!("/retainedMessage?nextToken={token}"), &[], "").await.json();
    assert_eq!(rest["retainedTopics"].as_array().unwrap().len(), 1);
    assert_eq!((&rest["retainedTopics"][0]["topic"], rest.get("nextToken")), (&json!("c"), None));
    signed(&bed, "POST", "/topics/a%2Fb?retain=true", &[], "").await;
    let gone = signed(&bed, "GET", "/retainedMessage/a/b", &[], "").await;
    assert_eq!((gone.status, gone.header("x-amzn-errortype")), (404, Some("ResourceNotFoundException")));
}

#[tokio::test]
async fn what_mqtt_would_refuse_is_refused() {
    let bed = bed().await;
    let deep = "/topics/1/2/3/4/5/6/7/8/9";
    let long = format!("/topics/{}", "x".repeat(257));
    let big = "x".repeat(131_073);
    for (path, body, text) in [
        ("/topics/a%2B", "", "must not contain + or #"),
        (deep, "", "8 slashes"),
        (long.as_str(), "", "257 bytes"),
        ("/topics/$aws/events/presence/connected/x", "", "Topic can't start with $"),
        ("/topics/$other", "", "Topic can't start with $"),
        ("/topics/$aws/things/t/shadow/update?retain=true", "{}", "cannot be retained"),
        ("/topics/a?qos=2", "", "qos"),
        ("/topics/a?messageExpiry=-1", "", "messageExpiry"),
        ("/topics/a?responseTopic=%23", "", "properties"),
        ("/topics/a", &big, "at most 131072"),
    ] {
        let answer = signed(&bed, "POST", path, &[], body).await;
        assert_eq!(answer.status, 400, "{path} {answer:?}");
        assert_eq!(answer.header("x-amzn-errortype"), Some("InvalidRequestException"), "{path}");
        assert!(answer.body.contains(text), "{path} {answer:?}");
    }
}

#[tokio::test]
async fn a_shadow_request_is_served_and_nobody_is_connected() {
    let bed = bed().await;
    let update = "/topics/$aws/things/lamp/shadow/update";
    let answer = signed(&bed, "POST", update, &[], r#"{"state":{"desired":{"on":true}}}"#).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let shadow = signed(&bed, "GET", "/things/lamp/shadow", &[], "").await.json();
    assert_eq!(shadow["state"]["desired"], json!({ "on": true }));
    for (method, path) in [
        ("GET", "/connections/lamp"),
        ("DELETE", "/connections/lamp"),
        ("GET", "/connections/lamp/subscriptions"),
        ("POST", "/connections/lamp/messages?topic=a"),
    ] {
        let answer = signed(&bed, method, path, &[], "").await;
        assert_eq!(answer.status, 404, "{path} {answer:?}");
        assert!(answer.json()["traceId"].is_string());
    }
}

#[tokio::test]
async fn a_device_may_what_its_policies_say() {
    let bed = bed().await;
    let arn = "arn:aws:iot:us-east-1:123456789012:";
    let statement = json!([
        { "Effect": "Allow", "Action": "iot:Publish", "Resource": format!("{arn}topic/${{iot:CertificateId}}/*") },
        { "Effect": "Allow", "Action": "iot:GetRetainedMessage", "Resource": format!("{arn}topic/open/*") },
        { "Effect": "Allow", "Action": ["iot:GetThingShadow", "iot:UpdateThingShadow"], "Resource": format!("{arn}thing/lamp") },
    ]);
    let device = device(&bed, statement).await;
    let id = device.id();
    for (method, path, status) in [
        ("POST", format!("/topics/{id}/a"), 200),
        ("POST", format!("/topics/{id}/a?retain=true"), 403),
        ("POST", "/topics/other".to_owned(), 403),
        ("GET", "/retainedMessage/open/x".to_owned(), 404),
        ("GET", "/retainedMessage/shut/x".to_owned(), 403),
        ("GET", "/retainedMessage".to_owned(), 403),
        ("POST", "/things/lamp/shadow".to_owned(), 200),
        ("GET", "/things/lamp/shadow".to_owned(), 200),
        ("GET", "/things/lamp/shadow?name=x".to_owned(), 403),
        ("GET", "/things/other/shadow".to_owned(), 403),
        ("DELETE", "/things/lamp/shadow".to_owned(), 403),
        ("GET", "/connections/x".to_owned(), 403),
        ("GET", "/nothing".to_owned(), 405),
    ] {
        let body = r#"{"state":{"reported":{"on":true}}}"#;
        let answer = with_certificate(&bed, &device, method, &path, body).await;
        assert_eq!(answer.status, status, "{method} {path} {answer:?}");
        if status == 403 {
            assert_eq!(answer.header("x-amzn-errortype"), Some("ForbiddenException"));
            assert_eq!(answer.json()["message"], "Forbidden");
            assert!(answer.json()["traceId"].is_string());
        }
    }
    let audit = bed.audit().await;
    let arn = format!("{arn}cert/{id}");
    assert!(audit.iter().any(|row| row["principal"] == arn.as_str()), "{audit:?}");
    let stranger = with_certificate(&bed, &Device::ec(), "POST", "/topics/a", "").await;
    assert_eq!((stranger.status, stranger.json()["message"].as_str()), (403, Some("Forbidden")));
}
