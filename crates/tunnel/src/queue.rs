//! What waits in a paced direction: a queue for each service, taken from in turn, so that a bulk transfer in
//! one service does not hold up a keystroke in another. spec: secure-tunneling §4.9

use std::collections::VecDeque;

use crate::limits;

/// Queues of whole WebSocket messages. Order holds within a service, not between services.
#[derive(Debug)]
pub struct Queue {
    services: Box<[Service]>,
    turn: usize,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Service {
    bytes: VecDeque<u8>,
    lengths: VecDeque<Waiting>,
}

/// One message: its length, and whether the pacer counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Bytes of the WebSocket message.
    pub len: u32,
    /// Whether it costs bandwidth; resets do not.
    pub paced: bool,
}

impl Queue {
    /// Empty queues, as many as [`crate::relay::Relay::queues`] says.
    pub fn new(services: usize) -> Queue {
        Queue { services: (0..services.max(1)).map(|_| Service::default()).collect(), turn: 0, bytes: 0 }
    }

    /// Whether more may be read from the sender: what one more read of `more` bytes can add, and an incomplete
    /// frame, still fit [`limits::QUEUE`].
    pub fn has_room(&self, more: usize) -> bool {
        self.bytes + more + limits::MESSAGE <= limits::QUEUE
    }

    /// Bytes that wait, with what it takes to keep them.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Whether nothing waits for a service.
    pub fn is_empty_for(&self, service: usize) -> bool {
        self.services.get(service).is_none_or(|service| service.lengths.is_empty())
    }

    /// Lets a whole WebSocket message wait behind the others of its service. An unknown service is taken as the
    /// first.
    pub fn push(&mut self, service: usize, message: &[u8], paced: bool) {
        let service = if service < self.services.len() { service } else { 0 };
        if let Some(service) = self.services.get_mut(service) {
            service.bytes.extend(message);
            service.lengths.push_back(Waiting { len: message.len() as u32, paced });
            self.bytes += message.len() + size_of::<Waiting>();
        }
    }

    /// The message whose turn it is.
    pub fn peek(&mut self) -> Option<Waiting> {
        let count = self.services.len();
        for step in 0..count {
            let index = (self.turn + step) % count;
            if let Some(waiting) = self.services.get(index)?.lengths.front() {
                self.turn = index;
                return Some(*waiting);
            }
        }
        None
    }

    /// Takes the message whose turn it is, appends it to `out`, and passes the turn on.
    pub fn pop(&mut self, out: &mut Vec<u8>) {
        if self.peek().is_none() {
            return;
        }
        if let Some(service) = self.services.get_mut(self.turn)
            && let Some(waiting) = service.lengths.pop_front()
        {
            let len = (waiting.len as usize).min(service.bytes.len());
            out.extend(service.bytes.drain(..len));
            self.bytes -= len + size_of::<Waiting>();
            if service.lengths.is_empty() {
                *service = Service::default();
            }
        }
        self.turn = (self.turn + 1) % self.services.len();
    }

    /// Forgets everything: the receiver is gone.
    pub fn clear(&mut self) {
        for service in &mut self.services {
            *service = Service::default();
        }
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(queue: &mut Queue) -> String {
        let mut out = Vec::new();
        while queue.peek().is_some() {
            queue.pop(&mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn services_take_turns_and_each_keeps_its_order() {
        let mut queue = Queue::new(3);
        for message in ["a", "b", "c"] {
            queue.push(1, message.as_bytes(), true);
        }
        queue.push(2, b"x", true);
        queue.push(0, b"-", true);
        assert_eq!(all(&mut queue), "-axbc");
        assert!(queue.is_empty() && queue.bytes() == 0);
    }

    #[test]
    fn a_late_comer_waits_for_one_message_only() {
        let mut queue = Queue::new(2);
        (0..10).for_each(|_| queue.push(0, b"bulk ", true));
        let mut out = Vec::new();
        queue.pop(&mut out);
        queue.push(1, b"key ", true);
        queue.pop(&mut out);
        queue.pop(&mut out);
        assert_eq!(out, b"bulk key bulk ");
    }

    #[test]
    fn what_waits_is_bounded_even_in_tiny_messages() {
        let mut queue = Queue::new(1);
        let mut count = 0;
        while queue.has_room(16) {
            queue.push(0, b"12345678", true);
            count += 1;
        }
        assert!(queue.bytes() <= limits::QUEUE && count > 10_000);
    }

    #[test]
    fn clearing_forgets_everything() {
        let mut queue = Queue::new(2);
        queue.push(9, b"a", false);
        assert_eq!(queue.peek(), Some(Waiting { len: 1, paced: false }));
        assert!(!queue.is_empty_for(0) && queue.is_empty_for(1));
        queue.clear();
        assert!(queue.peek().is_none() && queue.is_empty());
    }
}
