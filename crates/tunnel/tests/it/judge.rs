//! An independent WebSocket implementation at the other end.

use adit_tunnel::envelope::prepend_header;
use adit_tunnel::websocket::{Event, Opcode, Reader, Role, apply_mask, put_close, put_control};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_websockets::{ClientBuilder, Message, ServerBuilder};

const SIZES: [usize; 8] = [0, 1, 125, 126, 4096, 65_535, 65_536, 131_076];

fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index * 7) as u8).collect()
}

fn pipe() -> (DuplexStream, DuplexStream) {
    tokio::io::duplex(1 << 20)
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(test);
}

/// Everything up to the end of the stream: data, and controls by name.
async fn read_all(role: Role, mut io: DuplexStream) -> (Vec<u8>, Vec<(Event, Vec<u8>)>) {
    let mut bytes = Vec::new();
    io.read_to_end(&mut bytes).await.unwrap();
    let mut reader = Reader::new(role);
    let (mut data, mut controls) = (Vec::new(), Vec::new());
    for chunk in bytes.chunks_mut(5000) {
        let mut rest = chunk;
        while !rest.is_empty() {
            let step = reader.step(rest).unwrap();
            match step.event {
                Event::Data => data.extend_from_slice(&rest[..step.taken]),
                Event::Nothing => {}
                other => controls.push((other, reader.control().to_vec())),
            }
            rest = &mut rest[step.taken..];
        }
    }
    (data, controls)
}

#[test]
fn we_read_what_their_client_sends() {
    run(async {
        let (ours, theirs) = pipe();
        let mut client = ClientBuilder::new().take_over(theirs);
        let mut sent = Vec::new();
        for size in SIZES {
            client.send(Message::binary(payload(size))).await.unwrap();
            sent.extend(payload(size));
        }
        client.send(Message::ping("1763800000000")).await.unwrap();
        drop(client);
        let (data, controls) = read_all(Role::Server, ours).await;
        assert!(data == sent);
        assert_eq!(controls, [(Event::Ping, b"1763800000000".to_vec())]);
    });
}

#[test]
fn their_client_reads_what_we_send() {
    run(async {
        let (mut ours, theirs) = pipe();
        let mut client = ClientBuilder::new().take_over(theirs);
        for size in SIZES {
            let mut buffer = vec![0; 14];
            buffer.extend(payload(size));
            let len = buffer.len();
            let start = prepend_header(&mut buffer, 14..len, None).unwrap();
            ours.write_all(&buffer[start..]).await.unwrap();
        }
        let mut close = Vec::new();
        put_close(&mut close, 1000, "Tunnel is closed", None);
        ours.write_all(&close).await.unwrap();
        for size in SIZES {
            let message = client.next().await.unwrap().unwrap();
            assert!(message.is_binary() && message.as_payload()[..] == payload(size));
        }
        let message = client.next().await.unwrap().unwrap();
        let (code, reason) = message.as_close().unwrap();
        assert_eq!((u16::from(code), reason), (1000, "Tunnel is closed"));
    });
}

#[test]
fn their_server_reads_what_we_mask() {
    run(async {
        let (mut ours, theirs) = pipe();
        let mut server = ServerBuilder::new().serve(theirs);
        let key = [0x9c, 0x01, 0xfe, 0x55];
        let mut ping = Vec::new();
        put_control(&mut ping, Opcode::Ping, b"12", Some(key));
        ours.write_all(&ping).await.unwrap();
        for size in SIZES {
            let mut buffer = vec![0; 14];
            buffer.extend(payload(size));
            let len = buffer.len();
            let start = prepend_header(&mut buffer, 14..len, Some(key)).unwrap();
            apply_mask(&mut buffer[14..], key, 0);
            ours.write_all(&buffer[start..]).await.unwrap();
        }
        assert!(server.next().await.unwrap().unwrap().is_ping());
        for size in SIZES {
            let message = server.next().await.unwrap().unwrap();
            assert!(message.is_binary() && message.as_payload()[..] == payload(size));
        }
    });
}
