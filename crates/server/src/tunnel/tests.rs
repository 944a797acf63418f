//! The whole of a tunnel's task over pipes in memory and in virtual time: what clients see, byte for byte.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use adit_iot::{Scope, TunnelId};
use adit_tunnel::frame::{self, Frames};
use adit_tunnel::message::{Message, Type};
use adit_tunnel::websocket::{Close, Event, Header, Opcode, Reader, Role, apply_mask};
use adit_tunnel::{Side, Version, Why, limits};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

use super::{Busy, End, Join, Left, Link, Member, Relays, Watch};

impl Link for DuplexStream {}

const KEY: [u8; 4] = [0x12, 0xab, 0x00, 0xff];
const HOUR: Duration = Duration::from_secs(3600);

#[derive(Default)]
struct Log(Mutex<Vec<String>>, Mutex<u64>);

impl Log {
    fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Watch for Log {
    fn joined(&self, member: &Member, replaced: bool) {
        self.add(format!("{} {} joined{}", member.side, member.link, if replaced { " again" } else { "" }));
    }

    fn left(&self, member: &Member, left: &Left) {
        self.add(format!("{} {} {}", member.side, member.link, left.end.word()));
    }

    fn relayed(&self, _: Side, bytes: u64) {
        *self.1.lock().unwrap() += bytes;
    }

    fn paced(&self, to: Side) {
        self.add(format!("{to} paced"));
    }
}

struct Desk {
    relays: Relays<DuplexStream>,
    log: Arc<Log>,
    links: i64,
    rate: u32,
    left: Duration,
}

impl Desk {
    fn new() -> Desk {
        let log = Arc::new(Log::default());
        Desk { relays: Relays::new(log.clone(), limits::IDLE), log, links: 0, rate: 0, left: HOUR }
    }

    fn join_with(&mut self, side: Side, leftover: Vec<u8>) -> Result<Client, Busy> {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        self.links += 1;
        self.relays.join(Join {
            scope: Scope::new("123456789012", "eu-west-1").unwrap(),
            tunnel_id: TunnelId::from_random([7; 16]),
            services: vec!["SSH".to_owned(), "VNC".to_owned()],
            expires_in: self.left,
            side,
            version: Version::V3,
            stream: ours,
            leftover: Bytes::from(leftover),
            rate: self.rate,
            nagle: true,
            link: self.links,
            channel_id: "0ea2b3fffe6adc0e".to_owned(),
            held: Box::new(()),
        })?;
        Ok(Client { io: theirs, reader: Reader::new(Role::Client), frames: Frames::new(), bytes: Vec::new() })
    }

    async fn join(&mut self, side: Side) -> Client {
        let mut client = self.join_with(side, Vec::new()).unwrap();
        assert_eq!(client.next().await, "SERVICES SSH VNC");
        client
    }

    async fn pair(&mut self) -> (Client, Client) {
        (self.join(Side::Source).await, self.join(Side::Destination).await)
    }
}

struct Client {
    io: DuplexStream,
    reader: Reader,
    frames: Frames,
    bytes: Vec<u8>,
}

fn message(kind: Type, stream_id: u32, service: &str, payload: &[u8]) -> Message {
    Message { payload: payload.to_vec(), ..Message::of_stream(kind, stream_id, service, 1) }
}

/// One frame of a client.
fn masked(last: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let (header, len) = Header { last, opcode, mask: Some(KEY), payload: payload.len() }.encode();
    let mut bytes = header[..len].to_vec();
    bytes.extend_from_slice(payload);
    apply_mask(&mut bytes[len..], KEY, 0);
    bytes
}

fn framed(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    assert!(frame::put(&mut bytes, message));
    bytes
}

impl Client {
    async fn raw(&mut self, bytes: &[u8]) {
        self.io.write_all(bytes).await.unwrap();
    }

    async fn send(&mut self, message: &Message) {
        self.raw(&masked(true, Opcode::Binary, &framed(message))).await;
    }

    async fn start(&mut self, id: u32, service: &str) {
        self.send(&message(Type::StreamStart, id, service, b"")).await;
    }

    /// The next thing the server says, in words.
    async fn next(&mut self) -> String {
        loop {
            let mut bytes = std::mem::take(&mut self.bytes);
            if bytes.is_empty() {
                bytes = vec![0; 65_536];
                let n = self.io.read(&mut bytes).await.unwrap();
                bytes.truncate(n);
                if n == 0 {
                    return "end".to_owned();
                }
            }
            let step = self.reader.step(&mut bytes).unwrap();
            self.bytes = bytes.split_off(step.taken);
            let control = String::from_utf8_lossy(self.reader.control()).into_owned();
            match step.event {
                Event::Ping => return format!("ping {control}"),
                Event::Pong => return format!("pong {control}"),
                Event::Close => {
                    let close = Close::parse(self.reader.control()).unwrap();
                    return format!("close {} {}", close.code.unwrap(), close.reason).trim_end().to_owned();
                }
                Event::Nothing => {}
                Event::Data => {
                    let mut piece = bytes.as_slice();
                    let read =
                        self.frames.next(&mut piece).unwrap().map(|bytes| Message::decode(bytes).unwrap());
                    assert!(piece.is_empty(), "one frame in each WebSocket message");
                    if let Some(message) = read {
                        return words(&message);
                    }
                }
            }
        }
    }

    /// Whether the server says nothing for a while.
    async fn is_quiet(&mut self) -> bool {
        tokio::time::timeout(Duration::from_secs(1), self.next()).await.is_err()
    }
}

fn words(message: &Message) -> String {
    let Message { stream_id, service_id, payload, .. } = message;
    let text = if payload.len() < 20 {
        String::from_utf8_lossy(payload).into_owned()
    } else {
        format!("{} bytes", payload.len())
    };
    match message.kind {
        Type::ServiceIds => format!("SERVICES {}", message.available_service_ids.join(" ")),
        Type::Data => format!("DATA {stream_id} {service_id} {text}"),
        Type::StreamStart => format!("START {stream_id} {service_id}"),
        Type::StreamReset => format!("RESET {stream_id} {service_id}"),
        other => format!("{other:?} {stream_id} {service_id}"),
    }
}

/// The id the destination knows a new stream by.
fn id_of(start: &str) -> u32 {
    start.strip_prefix("START ").unwrap().split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn bytes_cross_both_ways_with_the_ids_of_their_side() {
    let mut desk = Desk::new();
    let (mut source, mut destination) = desk.pair().await;
    source.start(1, "SSH").await;
    let id = id_of(&destination.next().await);
    for len in [0, 1, 100, 126, 5000, 64_512] {
        let payload = vec![b'x'; len];
        let text = if len < 20 { "x".repeat(len) } else { format!("{len} bytes") };
        source.send(&message(Type::Data, 1, "SSH", &payload)).await;
        assert_eq!(destination.next().await, format!("DATA {id} SSH {text}"));
        destination.send(&message(Type::Data, id, "SSH", &payload)).await;
        assert_eq!(source.next().await, format!("DATA 1 SSH {text}"));
    }
    assert!(*desk.log.1.lock().unwrap() > 2 * 64_512);
}

/// spec: secure-tunneling §4.3, §11 items 4 and 5
#[tokio::test(start_paused = true)]
async fn fragments_pings_between_them_and_many_frames_in_one_message() {
    let mut desk = Desk::new();
    let (mut source, mut destination) = desk.pair().await;
    let mut bytes = framed(&message(Type::StreamStart, 1, "SSH", b""));
    for text in ["one", "two", "three"] {
        bytes.extend(framed(&message(Type::Data, 1, "SSH", text.as_bytes())));
    }
    source.raw(&masked(false, Opcode::Binary, &bytes[..7])).await;
    source.raw(&masked(true, Opcode::Ping, b"1763800000000")).await;
    source.raw(&masked(false, Opcode::Continuation, &bytes[7..20])).await;
    source.raw(&masked(true, Opcode::Continuation, &bytes[20..])).await;
    let id = id_of(&destination.next().await);
    for text in ["one", "two", "three"] {
        assert_eq!(destination.next().await, format!("DATA {id} SSH {text}"));
    }
    assert_eq!(source.next().await, "pong 1763800000000");
    assert!(source.is_quiet().await && destination.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn bytes_behind_the_upgrade_request_are_not_lost() {
    let mut desk = Desk::new();
    let mut destination = desk.join(Side::Destination).await;
    let leftover = masked(true, Opcode::Binary, &framed(&message(Type::StreamStart, 1, "VNC", b"")));
    let mut source = desk.join_with(Side::Source, leftover).unwrap();
    assert_eq!(source.next().await, "SERVICES SSH VNC");
    assert!(destination.next().await.starts_with("START"));
}

/// spec: secure-tunneling §4.3, §4.6: after the services, never before
#[tokio::test(start_paused = true)]
async fn every_broken_rule_is_answered_with_its_close_frame() {
    let unmasked = [0x82, 0x02, 0x00, 0x00];
    let too_long = [0x82, 0xff, 0, 0, 0, 0, 0, 2, 0, 5, 0, 0, 0, 0];
    let empty = masked(true, Opcode::Binary, &[0, 0]);
    let start =
        |id, service| masked(true, Opcode::Binary, &framed(&message(Type::StreamStart, id, service, b"")));
    for (bytes, told) in [
        (
            masked(true, Opcode::Text, b"hello"),
            "close 1002 Text messages are not allowed; send binary messages",
        ),
        (unmasked.to_vec(), "close 1002 A WebSocket frame of a client must be masked"),
        (too_long.to_vec(), "close 1009 A WebSocket frame is longer than 131076 bytes"),
        (empty, "close 1002 A message of length 0 is not allowed"),
        (start(1, "FTP"), "close 1002 The tunnel does not define the service id of this stream"),
        (start(0, "SSH"), "close 1002 streamId must be greater than 0"),
    ] {
        let mut desk = Desk::new();
        let mut client = desk.join_with(Side::Source, bytes).unwrap();
        assert_eq!(client.next().await, "SERVICES SSH VNC");
        assert_eq!(client.next().await, told);
        client.raw(&masked(true, Opcode::Close, &[3, 0xe8])).await;
        assert_eq!(client.next().await, "end");
        assert_eq!(desk.log.take(), ["source 1 joined", "source 1 protocol-error"]);
    }
}

/// spec: secure-tunneling §4.7 step 1, §11 item 9
#[tokio::test(start_paused = true)]
async fn a_second_connection_replaces_the_first() {
    let mut desk = Desk::new();
    let (mut source, mut destination) = desk.pair().await;
    source.start(1, "SSH").await;
    let id = id_of(&destination.next().await);
    let mut newer = desk.join(Side::Source).await;
    assert_eq!(source.next().await, "close 1008 Connection is replaced by another connection");
    assert_eq!(destination.next().await, format!("RESET {id} SSH"));
    destination.send(&message(Type::Data, id, "SSH", b"stale")).await;
    newer.start(1, "SSH").await;
    assert_eq!(id_of(&destination.next().await), id + 1);
    assert!(newer.is_quiet().await);
    let log = desk.log.take();
    assert_eq!(log[2..], ["source 1 replaced", "source 3 joined again"]);
}

/// spec: secure-tunneling §11 items 7 and 8
#[tokio::test(start_paused = true)]
async fn a_lost_destination_resets_the_source() {
    let mut desk = Desk::new();
    let (mut source, mut destination) = desk.pair().await;
    source.start(5, "SSH").await;
    destination.next().await;
    drop(destination);
    assert_eq!(source.next().await, "RESET 5 SSH");
    source.start(6, "VNC").await;
    assert_eq!(source.next().await, "RESET 6 VNC");
    assert_eq!(desk.log.take()[2..], ["destination 2 lost"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_goodbye_is_answered() {
    let mut desk = Desk::new();
    let mut source = desk.join(Side::Source).await;
    source.raw(&masked(true, Opcode::Close, &[0x03, 0xe9])).await;
    assert_eq!(source.next().await, "close 1001");
    assert_eq!(source.next().await, "end");
    assert_eq!(desk.log.take(), ["source 1 joined", "source 1 client-closed"]);
    desk.relays.ended().await;
}

/// spec: secure-tunneling §4.3
#[tokio::test(start_paused = true)]
async fn a_silent_client_is_dropped_without_a_close_frame_and_a_pinging_one_is_not() {
    let mut desk = Desk::new();
    let (mut source, mut destination) = desk.pair().await;
    let begin = Instant::now();
    let ping = masked(true, Opcode::Ping, b"1");
    let pings = async {
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_secs(20)).await;
            source.raw(&ping).await;
            assert_eq!(source.next().await, "pong 1");
        }
    };
    let (_, told) = tokio::join!(pings, async { (destination.next().await, begin.elapsed()) });
    assert_eq!(told.0, "end");
    assert!((90..91).contains(&told.1.as_secs()), "{:?}", told.1);
    assert_eq!(desk.log.take()[2..], ["destination 2 silent"]);
}

/// A sender that is not read gets no pongs; without a sign of life it would take the link for dead.
#[tokio::test(start_paused = true)]
async fn a_sender_that_waits_for_its_peer_hears_from_the_server() {
    let mut desk = Desk::new();
    let (mut source, mut destination) = desk.pair().await;
    source.start(1, "SSH").await;
    let bytes = masked(true, Opcode::Binary, &framed(&message(Type::Data, 1, "SSH", &[0; 60_000])));
    while tokio::time::timeout(Duration::from_secs(1), source.io.write_all(&bytes)).await.is_ok() {}
    let begin = Instant::now();
    for _ in 0..5 {
        assert_eq!(source.next().await, "ping ");
        destination.raw(&masked(true, Opcode::Ping, b"1")).await;
    }
    let took = begin.elapsed().as_secs();
    assert!((149..152).contains(&took), "{took} s");
}

/// spec: secure-tunneling §4.7 step 4, §11 item 10
#[tokio::test(start_paused = true)]
async fn both_are_told_when_the_tunnel_expires_or_is_closed() {
    for closes in [true, false] {
        let mut desk = Desk::new();
        desk.left = Duration::from_secs(60);
        let (mut source, mut destination) = desk.pair().await;
        let begin = Instant::now();
        if closes {
            desk.relays.close(&TunnelId::from_random([7; 16]));
        }
        assert_eq!(source.next().await, "close 1000 Tunnel is closed");
        assert_eq!(destination.next().await, "close 1000 Tunnel is closed");
        assert_eq!(begin.elapsed().as_secs(), if closes { 0 } else { 60 });
        desk.relays.ended().await;
        assert_eq!(desk.log.take()[2..], ["source 1 tunnel-closed", "destination 2 tunnel-closed"]);
    }
}

/// An upgrade accepted just before the tunnel was closed brings its connection just after.
#[tokio::test(start_paused = true)]
async fn a_connection_that_comes_after_the_close_is_turned_away() {
    let mut desk = Desk::new();
    desk.relays.close(&TunnelId::from_random([7; 16]));
    let mut source = desk.join(Side::Source).await;
    assert_eq!(source.next().await, "close 1000 Tunnel is closed");
    assert_eq!(desk.log.take(), ["source 1 joined", "source 1 tunnel-closed"]);
    assert_eq!(desk.relays.running(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_drops_everybody_without_a_word() {
    let mut desk = Desk::new();
    let (mut source, mut destination) = desk.pair().await;
    assert_eq!(desk.relays.running(), 1);
    desk.relays.end_all();
    assert_eq!((source.next().await, destination.next().await), ("end".to_owned(), "end".to_owned()));
    desk.relays.ended().await;
    assert_eq!(desk.relays.running(), 0);
}

/// A destination that lost its link may still hold a stream with an old id.
#[tokio::test(start_paused = true)]
async fn stream_ids_are_not_used_again_after_everybody_left() {
    let mut desk = Desk::new();
    let mut last = 0;
    for _ in 0..3 {
        let (mut source, mut destination) = desk.pair().await;
        source.start(1, "SSH").await;
        let id = id_of(&destination.next().await);
        assert!(id > last, "{id} after {last}");
        last = id;
        drop((source, destination));
        desk.relays.ended().await;
    }
}

/// spec: secure-tunneling §4.9, §11 item 12
#[tokio::test(start_paused = true)]
async fn a_destination_that_does_not_read_stops_the_source() {
    for rate in [0, 100_000_000] {
        let mut desk = Desk::new();
        desk.rate = rate;
        let (mut source, mut destination) = desk.pair().await;
        source.start(1, "SSH").await;
        destination.next().await;
        let bytes = masked(true, Opcode::Binary, &framed(&message(Type::Data, 1, "SSH", &[0; 60_000])));
        let mut taken = 0;
        while tokio::time::timeout(Duration::from_secs(1), source.io.write_all(&bytes)).await.is_ok() {
            taken += 1;
            assert!(taken < 10, "at most what the queues and the pipes hold");
        }
        source.io = tokio::io::duplex(1).0;
        for _ in 0..taken {
            assert!(destination.next().await.ends_with("60000 bytes"));
        }
    }
}

/// spec: secure-tunneling §4.9
#[tokio::test(start_paused = true)]
async fn a_paced_direction_keeps_its_rate_and_services_take_turns() {
    let mut desk = Desk::new();
    desk.rate = 100_000;
    let (mut source, mut destination) = desk.pair().await;
    source.start(1, "SSH").await;
    source.start(2, "VNC").await;
    destination.next().await;
    destination.next().await;
    let begin = Instant::now();
    let writer = tokio::spawn(async move {
        for _ in 0..100 {
            source.send(&message(Type::Data, 1, "SSH", &[0; 10_000])).await;
        }
        source.send(&message(Type::Data, 2, "VNC", b"key")).await;
        source.send(&message(Type::StreamReset, 1, "SSH", b"")).await;
        source
    });
    let mut order = Vec::new();
    while order.len() < 102 {
        order.push(destination.next().await);
    }
    let took = begin.elapsed().as_secs_f64();
    assert!((9.0..10.0).contains(&took), "1 MB took {took} s");
    let key = order.iter().position(|line| line.ends_with("key")).unwrap();
    assert!(key < 95, "the keystroke waited for {key} messages");
    assert!(order[101].starts_with("RESET"), "a reset does not overtake the data of its stream");
    assert!(desk.log.take().contains(&"destination paced".to_owned()));
    drop(writer.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_pings_without_reading_is_read_no_more() {
    let mut desk = Desk::new();
    let mut source = desk.join(Side::Source).await;
    let ping = masked(true, Opcode::Ping, &[b'p'; 125]);
    let mut taken = 0;
    while tokio::time::timeout(Duration::from_secs(1), source.io.write_all(&ping)).await.is_ok() {
        taken += ping.len();
        assert!(taken < 4 * 64 * 1024);
    }
}

#[test]
fn a_join_waits_in_a_small_box_and_a_tunnel_is_small() {
    let session = size_of::<super::session::Session<crate::net::stream::Stream>>();
    assert!(session < 2048, "a tunnel's own state takes {session} bytes");
}

#[test]
fn an_operator_reads_why_a_connection_is_over() {
    let shown = [End::ByClient(Some(1000)), End::ByServer(Why::TunnelClosed)].map(|end| end.to_string());
    assert_eq!(shown, ["the client closed with code 1000", "the server closed: Tunnel is closed"]);
}
