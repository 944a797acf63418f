//! The machine of a local proxy, alone: what it answers to each message and each local event.

use adit_tunnel::endpoint::{Endpoint, Fault, Link, Note, Order, Plan, Settings, Wanted};
use adit_tunnel::message::{Message, Type, View};
use adit_tunnel::{Side, Version};

fn settings(side: Side, shape: Version, wanted: Wanted) -> Settings {
    Settings { side, shape, wanted, max_connections: 4 }
}

fn named(names: &[&str]) -> Wanted {
    Wanted::Named(names.iter().map(|name| (*name).to_owned()).collect())
}

fn orders(endpoint: &mut Endpoint) -> Vec<Order> {
    std::iter::from_fn(|| endpoint.poll()).collect()
}

fn receive(endpoint: &mut Endpoint, message: &Message) -> Option<Link> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    endpoint.received(&View::decode(&bytes).unwrap())
}

/// Takes a message that carries no data and returns what it causes.
fn answer(endpoint: &mut Endpoint, message: &Message) -> Vec<Order> {
    assert_eq!(receive(endpoint, message), None);
    orders(endpoint)
}

fn about(kind: Type, stream: u32, service: &str, connection: u32) -> Message {
    Message::of_stream(kind, stream, service, connection)
}

fn data(stream: u32, service: &str, connection: u32) -> Message {
    Message { payload: b"x".to_vec(), ..about(Type::Data, stream, service, connection) }
}

fn send(kind: Type, stream: u32, service: &str, connection: u32) -> Order {
    Order::Send(about(kind, stream, service, connection))
}

fn ready(side: Side, shape: Version, services: &[&str]) -> Endpoint {
    let mut endpoint = Endpoint::new(settings(side, shape, named(services)));
    endpoint.joined(Version::V3);
    assert_eq!(answer(&mut endpoint, &Message::announcing(services)), [Order::Ready(Plan::AsGiven)]);
    endpoint
}

fn meeting(side: Side, wanted: Wanted, announced: &[&str]) -> (Vec<Order>, Vec<String>) {
    let mut endpoint = Endpoint::new(settings(side, Version::V3, wanted));
    endpoint.joined(Version::V3);
    let orders = answer(&mut endpoint, &Message::announcing(announced));
    (orders, endpoint.services().map(str::to_owned).collect())
}

#[test]
fn services_and_mapping_meet_as_the_table_says() {
    use Side::{Destination, Source};
    let files = |names: &[&str]| Wanted::FromFiles(names.iter().map(|name| (*name).to_owned()).collect());
    let given = |plan| vec![Order::Ready(plan)];
    let fails = |fault| vec![Order::Fail(fault)];

    assert_eq!(meeting(Source, Wanted::Unnamed, &[]), (given(Plan::AsGiven), vec![String::new()]));
    assert_eq!(meeting(Source, Wanted::Unnamed, &["SSH"]), (given(Plan::Adopted), vec!["SSH".into()]));
    assert_eq!(
        meeting(Destination, Wanted::Unnamed, &["A", "B"]),
        (given(Plan::AsGiven), vec![String::new()])
    );
    assert_eq!(
        meeting(Source, named(&["B", "A"]), &["A", "B"]),
        (given(Plan::AsGiven), vec!["B".into(), "A".into()])
    );
    for announced in [&[][..], &["A"], &["A", "C"], &["A", "B", "C"]] {
        assert_eq!(meeting(Source, named(&["A", "B"]), announced).0, fails(Fault::WrongServices));
    }
    assert_eq!(
        meeting(Source, Wanted::Nothing, &["A", "A", "B"]),
        (given(Plan::Assigned), vec!["A".into(), "B".into()])
    );
    assert_eq!(meeting(Source, Wanted::Nothing, &[]), (given(Plan::Assigned), vec![String::new()]));
    assert_eq!(meeting(Destination, Wanted::Nothing, &["A"]).0, fails(Fault::NoMapping));
    assert_eq!(meeting(Source, files(&["A"]), &["A", "B"]).0, given(Plan::Assigned));
    assert_eq!(meeting(Destination, files(&["A", "B"]), &["A"]).0, given(Plan::Assigned));
    assert_eq!(meeting(Destination, files(&["A"]), &["A", "B"]).0, fails(Fault::NotInFiles));
}

#[test]
fn a_second_announcement_changes_nothing() {
    let mut source = ready(Side::Source, Version::V3, &["SSH"]);
    let link = source.accepted(0).unwrap();
    orders(&mut source);
    assert_eq!(answer(&mut source, &Message::announcing(&["OTHER"])), []);
    assert_eq!(receive(&mut source, &data(1, "SSH", 1)), Some(link));
}

#[test]
fn a_source_numbers_streams_and_connections() {
    let mut source = ready(Side::Source, Version::V3, &["SSH"]);
    let first = source.accepted(0).unwrap();
    let second = source.accepted(0).unwrap();
    assert_eq!(
        orders(&mut source),
        [send(Type::StreamStart, 1, "SSH", 1), send(Type::ConnectionStart, 1, "SSH", 2)]
    );
    source.closed(first);
    source.closed(second);
    source.accepted(0).unwrap();
    assert_eq!(
        orders(&mut source),
        [
            send(Type::ConnectionReset, 1, "SSH", 1),
            send(Type::ConnectionReset, 1, "SSH", 2),
            send(Type::ConnectionStart, 1, "SSH", 3)
        ]
    );
    let third = Link(3);
    assert_eq!(answer(&mut source, &about(Type::StreamReset, 1, "SSH", 1)), [Order::Close(third)]);
    source.accepted(0).unwrap();
    assert_eq!(orders(&mut source), [send(Type::StreamStart, 2, "SSH", 1)]);
}

#[test]
fn older_shapes_leave_fields_out_and_take_one_connection_at_a_time() {
    for (shape, service) in [(Version::V1, ""), (Version::V2, "SSH")] {
        let mut source = ready(Side::Source, shape, &["SSH"]);
        let link = source.accepted(0).unwrap();
        assert!(!source.may_accept(0));
        let address = source.address(link).unwrap();
        assert_eq!((address.stream_id, address.service_id, address.connection_id), (1, service, 0));
        assert_eq!(receive(&mut source, &data(1, service, 0)), Some(link));
        source.closed(link);
        assert!(source.may_accept(0));
        source.accepted(0).unwrap();
        assert_eq!(
            orders(&mut source),
            [
                send(Type::StreamStart, 1, service, 0),
                send(Type::StreamReset, 1, service, 0),
                send(Type::StreamStart, 2, service, 0)
            ]
        );
        assert_eq!(receive(&mut source, &data(1, service, 0)), None, "stale");
    }
}

#[test]
fn a_destination_answers_in_the_shape_of_the_start() {
    for (service, connection) in [("SSH", 1), ("SSH", 0), ("", 0)] {
        let mut destination = ready(Side::Destination, Version::V3, &["SSH"]);
        let orders_now = answer(&mut destination, &about(Type::StreamStart, 7, service, connection));
        assert_eq!(orders_now, [Order::Connect(Link(1), 0)]);
        let address = destination.address(Link(1)).unwrap();
        assert_eq!((address.stream_id, address.service_id, address.connection_id), (7, service, connection));
        assert_eq!(receive(&mut destination, &data(7, service, connection)), Some(Link(1)));
        assert_eq!(receive(&mut destination, &data(8, service, connection)), None);
    }
}

#[test]
fn a_second_stream_start_replaces_the_first() {
    let mut destination = ready(Side::Destination, Version::V3, &["SSH"]);
    answer(&mut destination, &about(Type::StreamStart, 1, "SSH", 1));
    answer(&mut destination, &about(Type::ConnectionStart, 1, "SSH", 2));
    assert_eq!(
        answer(&mut destination, &about(Type::StreamStart, 2, "SSH", 1)),
        [Order::Close(Link(1)), Order::Close(Link(2)), Order::Connect(Link(3), 0)]
    );
    assert_eq!(answer(&mut destination, &about(Type::StreamReset, 1, "SSH", 1)), [], "stale");
    assert_eq!(receive(&mut destination, &data(1, "SSH", 1)), None);
    assert_eq!(receive(&mut destination, &data(2, "SSH", 0)), Some(Link(3)), "0 means 1");
}

#[test]
fn connection_starts_are_taken_or_reset() {
    let mut destination = ready(Side::Destination, Version::V3, &["SSH"]);
    assert_eq!(
        answer(&mut destination, &about(Type::ConnectionStart, 5, "SSH", 2)),
        [Order::Connect(Link(1), 0)],
        "as the first message too"
    );
    assert_eq!(
        answer(&mut destination, &about(Type::ConnectionStart, 5, "SSH", 2)),
        [send(Type::ConnectionReset, 5, "SSH", 2)]
    );
    assert_eq!(
        answer(&mut destination, &about(Type::ConnectionStart, 4, "SSH", 3)),
        [send(Type::ConnectionReset, 4, "SSH", 3)]
    );
    assert_eq!(answer(&mut destination, &about(Type::ConnectionReset, 5, "SSH", 2)), [Order::Close(Link(1))]);
    assert_eq!(answer(&mut destination, &about(Type::ConnectionReset, 5, "SSH", 2)), []);
}

#[test]
fn a_v2_destination_refuses_further_connections() {
    let mut destination = ready(Side::Destination, Version::V2, &["SSH"]);
    answer(&mut destination, &about(Type::StreamStart, 1, "SSH", 1));
    assert_eq!(
        answer(&mut destination, &about(Type::ConnectionStart, 1, "SSH", 2)),
        [send(Type::StreamReset, 1, "SSH", 2), Order::Close(Link(1))]
    );
}

#[test]
fn an_application_that_cannot_be_reached_resets_the_stream() {
    let mut destination = ready(Side::Destination, Version::V3, &["SSH"]);
    answer(&mut destination, &about(Type::StreamStart, 1, "SSH", 1));
    answer(&mut destination, &about(Type::ConnectionStart, 1, "SSH", 2));
    destination.connect_failed(Link(1));
    assert_eq!(orders(&mut destination), [send(Type::StreamReset, 1, "SSH", 1), Order::Close(Link(2))]);

    answer(&mut destination, &about(Type::StreamStart, 2, "SSH", 1));
    destination.connected(Link(3));
    answer(&mut destination, &about(Type::ConnectionStart, 2, "SSH", 2));
    destination.connect_failed(Link(4));
    assert_eq!(orders(&mut destination), [send(Type::ConnectionReset, 2, "SSH", 2)]);
}

#[test]
fn too_many_connections_are_refused_one_by_one() {
    let mut source = ready(Side::Source, Version::V3, &["SSH"]);
    for _ in 0..4 {
        source.accepted(0).unwrap();
    }
    orders(&mut source);
    assert_eq!(source.accepted(0), None);
    assert_eq!(orders(&mut source), [Order::Note(Note::TooMany)]);

    let mut destination = ready(Side::Destination, Version::V3, &["SSH"]);
    answer(&mut destination, &about(Type::StreamStart, 1, "SSH", 1));
    for connection in 2..5 {
        answer(&mut destination, &about(Type::ConnectionStart, 1, "SSH", connection));
    }
    assert_eq!(
        answer(&mut destination, &about(Type::ConnectionStart, 1, "SSH", 5)),
        [Order::Note(Note::TooMany), send(Type::ConnectionReset, 1, "SSH", 5)]
    );
    assert_eq!(destination.connections(), 4);
}

#[test]
fn the_loss_of_the_link_closes_everything_and_waits_for_the_services() {
    let mut source = ready(Side::Source, Version::V3, &["SSH", "HTTP"]);
    let ssh = source.accepted(0).unwrap();
    let http = source.accepted(1).unwrap();
    orders(&mut source);
    source.left();
    assert_eq!(orders(&mut source), [Order::Close(ssh), Order::Close(http)]);
    assert!(!source.may_accept(0));
    source.joined(Version::V3);
    assert!(!source.may_accept(0), "not before the services are announced");
    assert_eq!(answer(&mut source, &Message::announcing(&["SSH", "HTTP"])), []);
    source.accepted(0).unwrap();
    assert_eq!(orders(&mut source), [send(Type::StreamStart, 2, "SSH", 1)], "ids are not used again");
}

#[test]
fn a_link_without_announcement_is_ready_at_once() {
    let mut source = Endpoint::new(settings(Side::Source, Version::V1, Wanted::Unnamed));
    source.joined(Version::V1);
    assert_eq!(orders(&mut source), [Order::Ready(Plan::AsGiven)]);
    source.accepted(0).unwrap();
    assert_eq!(orders(&mut source), [send(Type::StreamStart, 1, "", 0)]);
}

#[test]
fn what_does_not_fit_is_refused_or_skipped() {
    let mut destination = Endpoint::new(settings(Side::Destination, Version::V3, Wanted::Unnamed));
    destination.joined(Version::V3);
    assert_eq!(
        answer(&mut destination, &about(Type::StreamStart, 1, "SSH", 1)),
        [Order::Fail(Fault::StartedTooEarly)]
    );
    let mut destination = ready(Side::Destination, Version::V3, &["SSH"]);
    assert_eq!(
        answer(&mut destination, &about(Type::StreamStart, 1, "FTP", 1)),
        [Order::Note(Note::NoSuchService("FTP".into())), send(Type::StreamReset, 1, "FTP", 1)]
    );
    let mut source = ready(Side::Source, Version::V3, &["SSH"]);
    assert_eq!(
        answer(&mut source, &about(Type::StreamStart, 1, "SSH", 1)),
        [Order::Note(Note::Unexpected(Type::StreamStart))]
    );
    assert_eq!(
        answer(&mut source, &about(Type::Other(9), 1, "SSH", 1)),
        [Order::Note(Note::Unexpected(Type::Other(9)))]
    );
    assert_eq!(answer(&mut source, &about(Type::Unknown, 1, "", 0)), [Order::Fail(Fault::NoType)]);
    let link = source.accepted(0).unwrap();
    orders(&mut source);
    assert_eq!(
        answer(&mut source, &Message::new(Type::SessionReset)),
        [Order::Note(Note::SessionReset), Order::Close(link)]
    );
}

#[test]
fn services_take_turns_and_so_do_their_connections() {
    let mut source = ready(Side::Source, Version::V3, &["A", "B"]);
    let [a1, a2, a3] = [0, 0, 0].map(|service| source.accepted(service).unwrap());
    let b1 = source.accepted(1).unwrap();
    for link in [a1, a2, a3, b1, a1] {
        source.readable(link);
    }
    let mut order = Vec::new();
    for _ in 0..6 {
        let link = source.next_readable().unwrap();
        order.push(link);
        source.readable(link);
    }
    assert_eq!(order, [a1, b1, a2, b1, a3, b1]);
    source.closed(b1);
    source.closed(a1);
    assert_eq!([source.next_readable(), source.next_readable()], [Some(a2), Some(a3)]);
    assert_eq!(source.next_readable(), None);
    assert_eq!(source.address(a1), None);
}
