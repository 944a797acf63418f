//! What must hold whatever happens to links, devices and the server, and many short lives to show it.
//!
//! - QoS 1 that the broker took for a session arrives at least once, QoS 2 exactly once; nothing arrives that was
//!   denied or never published.
//! - What a device publishes arrives in its order, per topic and QoS; repetitions may lag behind.
//! - A device's QoS 2 publish reaches the broker once, while its session lives.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use adit_mqtt::client::Received;
use adit_mqtt::{QoS, Reason};

use crate::pair::World;

/// Names a message: who published it, and as its which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    pub publisher: usize,
    pub number: u32,
}

impl Name {
    /// The name in a payload.
    pub fn of(payload: &[u8]) -> Name {
        let text = std::str::from_utf8(payload).unwrap();
        let (publisher, number) = text.split_once('.').unwrap();
        Name { publisher: publisher.parse().unwrap(), number: number.parse().unwrap() }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.publisher, self.number)
    }
}

struct Fate {
    topic: String,
    qos: QoS,
    times_accepted: u32,
    is_denied: bool,
    confirmed: Option<Reason>,
}

/// What one device is owed and has got, since its session began.
#[derive(Default)]
struct Account {
    /// Of QoS 1 and 2 that does not expire, with how often it was routed.
    owed: BTreeMap<Name, (QoS, u32)>,
    got: BTreeMap<Name, u32>,
    /// The highest number seen, by publisher, topic and QoS.
    heights: BTreeMap<(usize, String, QoS), u32>,
}

pub struct Model {
    is_persistent: Vec<bool>,
    fates: BTreeMap<Name, Fate>,
    accounts: Vec<Account>,
}

impl Model {
    pub fn new(is_persistent: Vec<bool>) -> Model {
        let accounts = is_persistent.iter().map(|_| Account::default()).collect();
        Model { is_persistent, fates: BTreeMap::new(), accounts }
    }

    pub fn published(&mut self, name: Name, topic: &str, qos: QoS) {
        let fate =
            Fate { topic: topic.to_owned(), qos, times_accepted: 0, is_denied: false, confirmed: None };
        assert!(self.fates.insert(name, fate).is_none());
    }

    pub fn denied(&mut self, name: Name) {
        self.fates.get_mut(&name).expect("published").is_denied = true;
    }

    pub fn accepted(&mut self, name: Name) {
        let fate = self.fates.get_mut(&name).expect("published");
        assert!(!fate.is_denied);
        fate.times_accepted += 1;
        let may_repeat = fate.qos == QoS::AtLeastOnce || !self.is_persistent[name.publisher];
        assert!(fate.times_accepted == 1 || may_repeat, "{name} at QoS {} was taken twice", fate.qos);
    }

    pub fn routed(&mut self, name: Name, to: usize, qos: QoS, expires: bool) {
        if !expires {
            self.accounts[to].owed.entry(name).or_insert((qos, 0)).1 += 1;
        }
    }

    /// The session of a device has ended.
    pub fn forgot(&mut self, device: usize) {
        self.accounts[device] = Account::default();
    }

    pub fn received(&mut self, device: usize, name: Name, received: &Received) {
        let fate = self.fates.get(&name).expect("made up");
        let message = &received.message;
        assert!(!fate.is_denied && fate.times_accepted > 0, "{name} was denied and still arrived");
        assert_eq!(*message.topic, *fate.topic);
        assert!(message.qos <= fate.qos);
        let account = &mut self.accounts[device];
        let times = account.got.entry(name).or_default();
        *times += 1;
        let routed = account.owed.get(&name).map_or(1, |(_, routed)| *routed);
        if message.qos != QoS::AtLeastOnce {
            assert!(*times <= routed.max(fate.times_accepted), "{name} at QoS {} came twice", message.qos);
        }
        // A device that subscribes late may see the repetition first.
        let is_first = *times == 1 && fate.times_accepted == 1;
        let height = account.heights.entry((name.publisher, fate.topic.clone(), message.qos)).or_default();
        assert!(!is_first || name.number + 1 > *height, "{name} came after {}", *height - 1);
        *height = (*height).max(name.number + 1);
    }

    pub fn confirmed(&mut self, name: Name, reason: Reason) {
        let fate = self.fates.get_mut(&name).expect("published");
        assert!(fate.confirmed.replace(reason).is_none(), "{name} was confirmed twice");
        assert_eq!(reason.is_error(), fate.is_denied, "{name}: {reason}");
        assert!(fate.is_denied || fate.times_accepted > 0, "{name} was confirmed and not taken");
    }

    pub fn check_end(&self) {
        for (name, fate) in &self.fates {
            let is_confirmed = fate.qos == QoS::AtMostOnce || fate.confirmed.is_some();
            assert!(is_confirmed, "{name} at QoS {} has no end", fate.qos);
        }
        for (device, account) in self.accounts.iter().enumerate() {
            let got: BTreeSet<_> = account.got.keys().collect();
            for (name, (qos, routed)) in &account.owed {
                assert!(got.contains(name), "{name} at QoS {qos} did not reach device {device}");
                let times = account.got[name];
                assert!(*qos != QoS::ExactlyOnce || times == *routed, "{name} came {times} times");
            }
        }
    }
}

const SEEDS: u64 = 1500;
const STEPS: usize = 400;

fn live(seed: u64, steps: usize) {
    let mut world = World::new(seed);
    for _ in 0..steps {
        world.step();
    }
    world.finish();
}

#[test]
fn promises_are_kept_through_everything() {
    let first = std::option_env!("ADIT_SEED").and_then(|seed| seed.parse().ok());
    for seed in first.map_or(0..SEEDS, |seed: u64| seed..seed + 1) {
        let result = std::panic::catch_unwind(|| live(seed, STEPS));
        assert!(result.is_ok(), "seed {seed}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn promises_are_kept_from_any_seed(seed: u64, steps in 0..STEPS) {
        live(seed, steps);
    }
}
