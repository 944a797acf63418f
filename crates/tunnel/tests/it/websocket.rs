use adit_tunnel::websocket::{Close, Event, Misdeed, Opcode, Reader, Role, put_close, put_control};

use crate::hex::{bytes_of, text_of};

/// Feeds bytes in pieces of `size` and writes down what comes out.
fn read(role: Role, bytes: &str, size: usize) -> String {
    let mut reader = Reader::new(role);
    let mut bytes = bytes_of(bytes);
    let mut told: Vec<(String, Vec<u8>)> = Vec::new();
    for piece in bytes.chunks_mut(size) {
        let mut rest = piece;
        while !rest.is_empty() {
            let step = match reader.step(rest) {
                Ok(step) => step,
                Err(misdeed) => {
                    told.push((format!("{misdeed:?}"), Vec::new()));
                    return line(told);
                }
            };
            match step.event {
                Event::Data => match told.last_mut() {
                    Some((name, data)) if name == "data" => data.extend_from_slice(&rest[..step.taken]),
                    _ => told.push(("data".to_owned(), rest[..step.taken].to_vec())),
                },
                Event::Nothing => {}
                other => told.push((format!("{other:?}").to_lowercase(), reader.control().to_vec())),
            }
            rest = &mut rest[step.taken..];
        }
    }
    line(told)
}

fn line(told: Vec<(String, Vec<u8>)>) -> String {
    let word = |(name, data): (String, Vec<u8>)| format!("{name} {}", text_of(&data)).trim().to_owned();
    told.into_iter().map(word).collect::<Vec<_>>().join(", ")
}

fn expect(role: Role, bytes: &str, told: &str) {
    for size in [1, 2, 3, 7, 1000] {
        assert_eq!(read(role, bytes, size), told, "in pieces of {size}: {bytes}");
    }
}

/// The examples of RFC 6455 §5.7, with binary messages where the text there has text messages.
#[test]
fn the_examples_of_the_rfc() {
    expect(Role::Client, "82 05 48 65 6c 6c 6f", "data 48656c6c6f");
    expect(Role::Server, "82 85 37 fa 21 3d 7f 9f 4d 51 58", "data 48656c6c6f");
    expect(Role::Client, "02 03 48 65 6c  80 02 6c 6f", "data 48656c6c6f");
    expect(Role::Client, "89 05 48 65 6c 6c 6f", "ping 48656c6c6f");
    expect(Role::Server, "8a 85 37 fa 21 3d 7f 9f 4d 51 58", "pong 48656c6c6f");
    expect(Role::Server, "81 85 37 fa 21 3d 7f 9f 4d 51 58", "Text");
}

#[test]
fn long_payloads() {
    let short = "41".repeat(256);
    expect(Role::Client, &format!("82 7e 0100 {short}"), &format!("data {short}"));
    let long = "42".repeat(65_536);
    expect(Role::Client, &format!("82 7f 0000000000010000 {long}"), &format!("data {long}"));
}

/// spec: secure-tunneling §4.3, fragments with control frames in between
#[test]
fn a_ping_between_fragments() {
    expect(
        Role::Client,
        "02 01 61  89 02 3132  00 01 62  89 00  80 01 63",
        "data 61, ping 3132, data 62, ping, data 63",
    );
}

#[test]
fn empty_frames_and_empty_controls() {
    expect(Role::Server, "02 80 00000000  80 80 00000000  8a 80 01020304", "pong");
    expect(Role::Client, "88 00", "close");
}

#[test]
fn every_misdeed_has_its_name() {
    expect(Role::Client, "c2 00", "ReservedBit");
    expect(Role::Client, "83 00", "UnknownOpcode");
    expect(Role::Server, "82 00", "Unmasked");
    expect(Role::Client, "82 80 00000000", "Masked");
    expect(Role::Client, "82 7e 007d", "BadLength");
    expect(Role::Client, "82 7f 000000000000ffff", "BadLength");
    expect(Role::Client, "82 7f 8000000000010000", "BadLength");
    expect(Role::Client, "82 7f 0000000000020005", "TooLarge");
    expect(Role::Client, "89 7e 007e", "ControlTooLarge");
    expect(Role::Client, "09 00", "ControlFragmented");
    expect(Role::Client, "80 00", "NothingToContinue");
    expect(Role::Client, "02 00 82 00", "NotContinued");
}

/// spec: secure-tunneling §4.3, 131076 bytes
#[test]
fn the_largest_frame_payload_passes() {
    let payload = "00".repeat(131_076);
    assert_eq!(
        read(Role::Client, &format!("82 7f 0000000000020004 {payload}"), 4096),
        format!("data {payload}")
    );
}

#[test]
fn close_frames() {
    let close = |code, reason: &str| Ok(Close { code, reason: reason.to_owned() });
    assert_eq!(Close::parse(&[]), close(None, ""));
    assert_eq!(Close::parse(&[0x03, 0xe8]), close(Some(1000), ""));
    assert_eq!(Close::parse(&[0x03, 0xf0, b'h', b'i']), close(Some(1008), "hi"));
    for bad in [&[3][..], &[0x03, 0xed], &[0x03, 0xee], &[0x03, 0xf7], &[0, 1], &[0x03, 0xe8, 0xff]] {
        assert_eq!(Close::parse(bad), Err(Misdeed::BadClose), "{bad:?}");
    }
}

#[test]
fn controls_are_written_whole() {
    let mut out = Vec::new();
    put_control(&mut out, Opcode::Pong, b"Hello", Some([0x37, 0xfa, 0x21, 0x3d]));
    assert_eq!(text_of(&out), "8a8537fa213d7f9f4d5158");
    out.clear();
    put_close(&mut out, 1000, "Tunnel is closed", None);
    assert_eq!(text_of(&out), "881203e854756e6e656c20697320636c6f736564");
    out.clear();
    put_close(&mut out, 1002, &"ä".repeat(100), None);
    assert_eq!((out.len(), out[1]), (126, 124));
    assert!(Close::parse(&out[2..]).is_ok());
}
