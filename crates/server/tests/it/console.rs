//! The console's own paths: what is public, and the one-time code.

use std::time::Duration;

use adit_aws::{Service, Signer};
use adit_server::config::Serve;

use crate::bed::{Answer, Bed};

async fn bed() -> Bed {
    Bed::with(|config| config.listen[0].serve.push(Serve::Console)).await
}

async fn post(bed: &Bed, body: &str) -> Answer {
    let length = body.len();
    let head =
        format!("POST /console/sign-in HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}");
    bed.send(format!("{head}\r\n\r\n{body}")).await
}

async fn code(bed: &Bed) -> String {
    let made = bed.admin("POST", "/console").await.json();
    assert_eq!(made["seconds"], 300);
    made["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_code_signs_in_once_as_the_accounts_root() {
    let bed = bed().await;
    let body = format!("{{\"code\":\"{}\"}}", code(&bed).await);
    let answer = post(&bed, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let signed_in = answer.json();
    let text = |name: &str| signed_in["credentials"][name].as_str().unwrap().to_owned();
    let (id, secret, token) = (text("AccessKeyId"), text("SecretAccessKey"), text("SessionToken"));
    let who = Signer {
        key_id: &id,
        secret: &secret,
        session_token: Some(&token),
        region: "us-east-1",
        service: Service::Iot.signing_name(),
        now: bed.clock.now_ms() / 1000,
    };
    assert_eq!(bed.signed_by(&who, "GET", "/things", &[], "").await.status, 200);

    let again = post(&bed, &body).await;
    assert_eq!(again.status, 403);
    assert!(again.json()["message"].as_str().unwrap().contains("adit console"), "{}", again.body);
    let rows = bed.audit().await;
    let of = |action: &str| {
        rows.iter().filter(|row| row["action"] == action).map(|row| row["result"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (of("ConsoleSignIn"), of("MakeConsoleLink")),
        (vec!["denied".into(), "ok".into()], vec!["ok".into()])
    );
    assert!(!bed.admin("GET", "/audit").await.body.contains(&secret));
}

#[tokio::test]
async fn a_code_is_good_for_five_minutes() {
    let bed = bed().await;
    let body = format!("{{\"code\":\"{}\"}}", code(&bed).await);
    bed.clock.advance(Duration::from_secs(300));
    assert_eq!(post(&bed, &body).await.status, 403);
}

#[tokio::test]
async fn what_is_no_code_is_told_so_and_not_too_often() {
    let bed = bed().await;
    for body in ["", "{}", "[]", "{\"code\":1}", "{\"code\":\"a\",\"more\":1}"] {
        assert_eq!(post(&bed, body).await.status, 400, "{body}");
    }
    assert_eq!(post(&bed, "{\"code\":\"a\"}").await.status, 429);
    bed.clock.advance(Duration::from_secs(1));
    assert_eq!(post(&bed, "{\"code\":\"a\"}").await.status, 403);
    let get = bed.get("/console/sign-in").await;
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
}

#[tokio::test]
async fn the_pages_are_guarded_and_the_api_keeps_its_path() {
    let bed = bed().await;
    for path in ["/", "/console/about", "/console/ca.pem", "/console/nothing"] {
        let answer = bed.get(path).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    }
    let about = bed.get("/console/about").await.json();
    assert_eq!((&about["region"], &about["ownCa"]), (&"us-east-1".into(), &true.into()));
    let ca = bed.get("/console/ca.pem").await.body;
    assert!(ca.starts_with("-----BEGIN CERTIFICATE-----") && !ca.contains("PRIVATE"), "{ca}");
    assert_eq!(bed.get("/console/nothing").await.status, 404);
    // The API's `POST /`, signed.
    assert_eq!(bed.tunneling("ListTunnels", serde_json::json!({})).await.status, 200);
    let page = bed.get("/").await;
    let built = page.status == 200 && page.body.contains("<div id=\"root\">");
    assert!(built || page.body.contains("npm run build"), "{}", page.body);
}

#[tokio::test]
async fn a_listener_without_the_word_serves_no_console() {
    let bed = Bed::new().await;
    for path in ["/", "/console/about", "/console/sign-in"] {
        let answer = bed.get(path).await;
        assert!(answer.status >= 400 && answer.header("content-security-policy").is_none(), "{path}");
    }
}

#[tokio::test]
async fn with_an_operators_certificate_there_is_no_ca_to_give() {
    let bed = bed().await;
    let pem = |name: &str| bed.config.node.data_dir.join("pki").join(name);
    let (certificate, key) = (pem("server.pem"), pem("server.key"));
    let other = Bed::with(|config| {
        config.listen[0].serve.push(Serve::Console);
        config.tls.certificate_file = Some(certificate);
        config.tls.key_file = Some(key);
    })
    .await;
    assert_eq!(other.get("/console/about").await.json()["ownCa"], false);
    assert_eq!(other.get("/console/ca.pem").await.status, 404);
}
