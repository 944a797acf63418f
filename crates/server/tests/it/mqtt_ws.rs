//! MQTT over WebSocket: who may open one, and what its frames carry (mqtt-gateway §1.1, §10).

use adit_aws::{GATEWAY, Request, Service, Signer, sign};
use adit_server::config::{Listen, Serve};
use adit_tunnel::websocket::{Header, Opcode, apply_mask, put_close, put_control};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use adit_iot::iam::IdentityKind;
use adit_server::why::Wanted;
use serde_json::json;

use crate::bed::{Answer, Bed, PATIENCE, read_answer};
use crate::iot::PREFIX;
use crate::people::{Who, allow, give, role, session, user};

async fn bed() -> Bed {
    Bed::with(|config| {
        let address = "127.0.0.1:0".parse().unwrap();
        let serve = vec![Serve::Api, Serve::MqttWs];
        config.listen = vec![Listen { address, tls: false, serve, allow_plain_remote: false }];
    })
    .await
}

/// What a client does with its upgrade.
struct Wish {
    service: &'static str,
    /// The host that is signed; the one on the wire has a port.
    signed_host: &'static str,
    secret: Option<&'static str>,
    subprotocol: &'static str,
    /// Who signs; nobody: the first access key.
    who: Option<Who>,
}

impl Default for Wish {
    fn default() -> Wish {
        Wish { service: GATEWAY, signed_host: "localhost:8443", secret: None, subprotocol: "mqtt", who: None }
    }
}

async fn open(bed: &Bed, wish: Wish) -> (TcpStream, Answer) {
    let (key_id, secret) = bed.key();
    let root = Who { key_id, secret, token: None, arn: String::new() };
    let who = wish.who.unwrap_or(root);
    let signer = Signer {
        key_id: &who.key_id,
        secret: wish.secret.unwrap_or(&who.secret),
        session_token: who.token.as_deref(),
        region: "us-east-1",
        service: wish.service,
        now: bed.clock.now_ms() / 1000,
    };
    let (head, ()) =
        http::Request::get("/mqtt").header("host", wish.signed_host).body(()).unwrap().into_parts();
    let mut text = format!(
        "GET /mqtt HTTP/1.1\r\nhost: localhost:8443\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         sec-websocket-protocol: {}\r\n",
        wish.subprotocol
    );
    for (name, value) in sign(&Request::new(&head, b""), &signer).unwrap() {
        text += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    let mut stream = TcpStream::connect(bed.plain()).await.unwrap();
    stream.write_all((text + "\r\n").as_bytes()).await.unwrap();
    let answer = read_answer(&mut stream).await;
    (stream, answer)
}

const MASK: [u8; 4] = [1, 2, 3, 4];

fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let (header, len) = Header::whole(opcode, payload.len(), Some(MASK)).encode();
    let mut bytes = header[..len].to_vec();
    bytes.extend_from_slice(payload);
    apply_mask(&mut bytes[len..], MASK, 0);
    bytes
}

/// The next frame of the server.
async fn next(stream: &mut TcpStream) -> (Opcode, Vec<u8>) {
    let reading = async {
        let mut bytes = Vec::new();
        loop {
            bytes.push(stream.read_u8().await.unwrap());
            if let Some((header, _)) = Header::parse(&bytes).unwrap() {
                let mut payload = vec![0; header.payload];
                stream.read_exact(&mut payload).await.unwrap();
                return (header.opcode, payload);
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("a frame in time")
}

const CONNECT: &[u8] = &[0x10, 14, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 60, 0, 2, b'w', b's'];

#[tokio::test]
async fn a_signed_client_speaks_mqtt_in_frames_of_any_size() {
    let bed = bed().await;
    for signed_host in ["localhost:8443", "localhost"] {
        let (mut stream, answer) = open(&bed, Wish { signed_host, ..Wish::default() }).await;
        assert_eq!(answer.status, 101, "{answer:?}");
        assert_eq!(answer.header("sec-websocket-protocol"), Some("mqtt"));
        for piece in [&CONNECT[..1], &CONNECT[1..9], b"", &CONNECT[9..]] {
            stream.write_all(&frame(Opcode::Binary, piece)).await.unwrap();
        }
        assert_eq!(next(&mut stream).await, (Opcode::Binary, vec![0x20, 2, 0, 0]));
        let mut ping = Vec::new();
        put_control(&mut ping, Opcode::Ping, b"there?", Some(MASK));
        stream.write_all(&ping).await.unwrap();
        assert_eq!(next(&mut stream).await, (Opcode::Pong, b"there?".to_vec()));
        // Two packets in one frame.
        stream.write_all(&frame(Opcode::Binary, &[0xc0, 0, 0xc0, 0])).await.unwrap();
        let (_, mut answers) = next(&mut stream).await;
        if answers.len() == 2 {
            answers.extend(next(&mut stream).await.1);
        }
        assert_eq!(answers, [0xd0, 0, 0xd0, 0]);
        let mut close = Vec::new();
        put_close(&mut close, 1000, "", Some(MASK));
        stream.write_all(&close).await.unwrap();
        assert_eq!(next(&mut stream).await, (Opcode::Close, 1000_u16.to_be_bytes().to_vec()));
    }
}

#[tokio::test]
async fn text_is_not_taken() {
    let bed = bed().await;
    let (mut stream, _) = open(&bed, Wish::default()).await;
    stream.write_all(&frame(Opcode::Text, CONNECT)).await.unwrap();
    let (opcode, payload) = next(&mut stream).await;
    assert_eq!((opcode, &payload[..2]), (Opcode::Close, &1003_u16.to_be_bytes()[..]));
}

#[tokio::test]
async fn whoever_proves_nothing_gets_no_websocket() {
    let bed = bed().await;
    for (wish, status, text) in [
        (Wish { secret: Some("another"), ..Wish::default() }, 403, "Forbidden"),
        (Wish { service: "sts", ..Wish::default() }, 403, "Forbidden"),
        (Wish { signed_host: "elsewhere", ..Wish::default() }, 403, "Forbidden"),
        (Wish { subprotocol: "mqttv3.1", ..Wish::default() }, 400, "offer mqtt"),
    ] {
        let (_, answer) = open(&bed, wish).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.body.contains(text), "{answer:?}");
    }
    let unsigned = bed.get("/mqtt").await;
    assert_eq!(unsigned.status, 400, "{unsigned:?}");
    let noted = bed.running.state().why.before(&adit_server::why::Wanted::default(), None, 100);
    assert!(noted.iter().any(|noted| noted.refusal.text().contains("MQTT over WebSocket")), "{noted:?}");
}

/// A PUBLISH of QoS 1 with packet id 1 and no payload.
fn publish(topic: &str) -> Vec<u8> {
    let len = u8::try_from(topic.len()).unwrap();
    let mut bytes = vec![0x32, len + 4, 0, len];
    bytes.extend_from_slice(topic.as_bytes());
    bytes.extend_from_slice(&[0, 1]);
    bytes
}

async fn send(stream: &mut TcpStream, packet: &[u8]) {
    stream.write_all(&frame(Opcode::Binary, packet)).await.unwrap();
}

/// Whether the server ends the connection without another packet.
async fn is_cut(stream: &mut TcpStream) -> bool {
    let (opcode, _) = next(stream).await;
    opcode == Opcode::Close
}

fn last_refusal(bed: &Bed) -> (Option<String>, String) {
    let noted = bed.running.state().why.before(&Wanted::default(), None, 1).remove(0).refusal;
    (noted.principal.clone(), noted.text())
}

#[tokio::test]
async fn a_user_does_over_mqtt_what_its_policies_allow_while_they_allow_it() {
    let bed = bed().await;
    let connect = allow("iot:Connect", &format!("{PREFIX}client/${{aws:username}}"));
    let topic = allow("iot:Publish", &format!("{PREFIX}topic/a/${{iot:ClientId}}"));
    let ws = user(&bed, "ws", json!([connect, topic])).await;
    let other = user(&bed, "other", json!([connect, topic])).await;
    let opened = async |who: &Who| {
        let (mut stream, answer) = open(&bed, Wish { who: Some(who.clone()), ..Wish::default() }).await;
        assert_eq!(answer.status, 101, "{answer:?}");
        send(&mut stream, CONNECT).await;
        stream
    };
    let mut refused = opened(&other).await;
    assert!(is_cut(&mut refused).await);
    let (principal, text) = last_refusal(&bed);
    assert_eq!(principal, Some(other.arn.clone()));
    assert!(text.starts_with("connect as ws refused: no statement allows iot:Connect"), "{text}");

    let mut stream = opened(&ws).await;
    assert_eq!(next(&mut stream).await, (Opcode::Binary, vec![0x20, 2, 0, 0]));
    send(&mut stream, &publish("a/ws")).await;
    assert_eq!(next(&mut stream).await, (Opcode::Binary, vec![0x40, 2, 0, 1]));
    // The next packet after the change is judged by the new policy.
    give(&bed, IdentityKind::User, "ws", json!([connect])).await;
    send(&mut stream, &publish("a/ws")).await;
    assert!(is_cut(&mut stream).await);
    let (principal, text) = last_refusal(&bed);
    assert_eq!(principal, Some(ws.arn.clone()));
    assert!(text.starts_with("publish to a/ws refused: no statement allows iot:Publish"), "{text}");
}

#[tokio::test]
async fn a_key_that_is_switched_off_or_taken_away_ends_what_its_connections_may_do() {
    let bed = bed().await;
    for (action, name) in
        [("UpdateAccessKey&Status=Inactive", "switchedoffuser"), ("DeleteAccessKey", "takenawayuser")]
    {
        let who = user(&bed, name, json!([allow("iot:*", "*")])).await;
        let (mut stream, answer) = open(&bed, Wish { who: Some(who.clone()), ..Wish::default() }).await;
        assert_eq!(answer.status, 101, "{answer:?}");
        send(&mut stream, CONNECT).await;
        assert_eq!(next(&mut stream).await, (Opcode::Binary, vec![0x20, 2, 0, 0]));
        send(&mut stream, &publish("a")).await;
        assert_eq!(next(&mut stream).await, (Opcode::Binary, vec![0x40, 2, 0, 1]));
        let body = format!("Action={action}&Version=2010-05-08&UserName={name}&AccessKeyId={}", who.key_id);
        let form = ["content-type: application/x-www-form-urlencoded"];
        let answer = bed.signed(Service::Iam, "POST", "/", &form, &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        send(&mut stream, &publish("a")).await;
        assert!(is_cut(&mut stream).await, "{action}");
    }
}

#[tokio::test]
async fn a_session_is_held_to_its_own_policy_too() {
    let bed = bed().await;
    role(&bed, "ops", json!({}), json!([allow("iot:*", "*")])).await;
    for (policy, lets_in) in [
        (None, true),
        (Some(json!([allow("iot:Connect", "*")])), true),
        (Some(json!([allow("iot:Publish", "*")])), false),
    ] {
        let who = session(&bed, "ops", policy.clone());
        let (mut stream, answer) = open(&bed, Wish { who: Some(who), ..Wish::default() }).await;
        assert_eq!(answer.status, 101, "{answer:?}");
        send(&mut stream, CONNECT).await;
        let expected = if lets_in { Opcode::Binary } else { Opcode::Close };
        assert_eq!(next(&mut stream).await.0, expected, "{policy:?}");
        send(&mut stream, &publish("a")).await;
        let published = lets_in && policy.is_none();
        if lets_in {
            assert_eq!(next(&mut stream).await.0 == Opcode::Binary, published, "{policy:?}");
        }
    }
    let mut forged = session(&bed, "ops", None);
    forged.token = forged.token.map(|token| {
        let (head, tail) = token.split_at(token.len() / 2);
        let other = if tail.starts_with('A') { 'B' } else { 'A' };
        format!("{head}{other}{}", &tail[1..])
    });
    let (_, answer) = open(&bed, Wish { who: Some(forged), ..Wish::default() }).await;
    assert_eq!(answer.status, 403, "{answer:?}");
}
