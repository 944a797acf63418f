use adit_iot::tunnel::{
    ClientMode, Connection, ConnectionStatus, Destination, Horizon, Side, Status, Tunnel,
};
use adit_iot::{Kind, Timestamp, TunnelId};
use proptest::prelude::*;

const CREATED: i64 = 1_700_000_000_000;

fn time(minutes: i64) -> Timestamp {
    Timestamp::from_millis(CREATED).plus_minutes(minutes)
}

fn tunnel(lifetime: i64) -> Tunnel {
    Tunnel {
        id: TunnelId::from_random([7; 16]),
        status: Status::Open,
        source: Connection { status: ConnectionStatus::Connected, last_updated_at: Some(time(1)) },
        destination_connection: Connection::NEVER,
        description: None,
        destination: None,
        timeout_minutes: lifetime,
        created_at: time(0),
        last_updated_at: time(0),
        ends_at: Tunnel::lifetime_end(time(0), lifetime),
    }
}

proptest! {
    #[test]
    fn a_tunnel_is_open_exactly_until_its_lifetime_ends(lifetime in 1..=720i64, at in 0..2000i64) {
        let seen = tunnel(lifetime).at(time(at));
        prop_assert_eq!(seen.status == Status::Open, at < lifetime);
        if at >= lifetime {
            prop_assert_eq!((seen.ends_at, seen.last_updated_at), (time(lifetime), time(lifetime)));
            prop_assert_eq!(seen.source.status, ConnectionStatus::Disconnected);
            prop_assert_eq!(seen.source.last_updated_at, Some(time(lifetime)));
            prop_assert_eq!(seen.destination_connection, Connection::NEVER);
        }
    }

    #[test]
    fn closing_happens_once(lifetime in 1..=720i64, first in 0..1000i64, later in 0..1000i64) {
        let closed = tunnel(lifetime).closed(time(first));
        prop_assert_eq!(closed.ends_at, time(first.min(lifetime)));
        prop_assert_eq!(closed.clone().closed(time(later)), closed.clone());
        prop_assert_eq!(closed.clone().at(time(later)), closed);
    }

    #[test]
    fn services_are_few_and_different(names in prop::collection::vec("[a-c]", 0..6), quota in 1..5usize) {
        let mut distinct = names.clone();
        distinct.sort();
        distinct.dedup();
        let twice = distinct.len() < names.len();
        match Destination::new(None, names.clone(), quota) {
            Ok(destination) => {
                prop_assert!(!twice && !names.is_empty() && names.len() <= quota);
                prop_assert_eq!(destination.services, names);
            }
            Err(refused) if refused.kind == Kind::LimitExceeded => prop_assert!(!twice && names.len() > quota),
            Err(_) => prop_assert!(twice || names.is_empty()),
        }
    }
}

#[test]
fn a_rotation_keeps_what_a_tunnel_had() {
    let named = |service: &str| Some(Destination { thing: None, services: vec![service.to_owned()] });
    for mode in [ClientMode::Source, ClientMode::Destination, ClientMode::All] {
        assert_eq!(mode.destination_after(named("a"), named("b")), named("a"));
        let filled = if mode.covers(Side::Destination) { named("b") } else { None };
        assert_eq!(mode.destination_after(None, named("b")), filled);
    }
}

#[test]
fn what_ended_before_the_horizon_is_gone() {
    let horizon = Horizon { now: time(200), retention_millis: 180 * 60_000 };
    assert_eq!(horizon.gone_until(), time(20));
    let forever = Horizon { now: time(0), retention_millis: i64::MAX };
    assert!(forever.gone_until() < Timestamp::from_millis(0));
}

#[test]
fn states_look_as_in_the_api() {
    let json = |value: Connection| serde_json::to_string(&value).unwrap();
    assert_eq!(json(Connection::NEVER), r#"{"status":"DISCONNECTED"}"#);
    assert_eq!(json(tunnel(1).source), r#"{"status":"CONNECTED","lastUpdatedAt":1700000060}"#);
    assert_eq!(serde_json::to_string(&Status::Open).unwrap(), r#""OPEN""#);
    assert_eq!(serde_json::from_str::<ClientMode>(r#""ALL""#).unwrap(), ClientMode::All);
}
