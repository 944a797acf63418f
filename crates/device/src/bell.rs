//! Readiness without searching: every local socket has a waker of its own that notes which socket it was.
//!
//! One task drives everything. When the operating system reports a socket, its waker puts the socket's token on
//! a list and wakes the task, which then looks at the sockets on the list only.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use adit_tunnel::endpoint::Link;

/// Who rang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// The listener with this index.
    Listener(usize),
    /// The socket of this connection.
    Local(Link),
}

/// The list of those who rang, and whom to wake.
#[derive(Debug, Default)]
pub struct Bell {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    rung: Vec<Arc<Ring>>,
    task: Option<Waker>,
}

#[derive(Debug)]
struct Ring {
    bell: Arc<Bell>,
    token: Token,
    is_listed: AtomicBool,
}

impl Bell {
    /// A waker that notes this token.
    pub fn waker(self: &Arc<Bell>, token: Token) -> Waker {
        Waker::from(Arc::new(Ring { bell: self.clone(), token, is_listed: AtomicBool::new(false) }))
    }

    /// Whom to wake from now on.
    pub fn wakes(&self, task: &Waker) {
        let mut inner = self.lock();
        if !inner.task.as_ref().is_some_and(|known| known.will_wake(task)) {
            inner.task = Some(task.clone());
        }
    }

    /// Moves the tokens of those who rang into `tokens`, each once.
    pub fn take(&self, tokens: &mut Vec<Token>) {
        let mut inner = self.lock();
        tokens.extend(inner.rung.drain(..).map(|ring| {
            ring.is_listed.store(false, Ordering::Release);
            ring.token
        }));
    }

    /// The list is whole after every change, so that a panic elsewhere does not matter.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Ring {
    fn wake(self: Arc<Ring>) {
        Ring::wake_by_ref(&self);
    }

    fn wake_by_ref(self: &Arc<Ring>) {
        if self.is_listed.swap(true, Ordering::AcqRel) {
            return;
        }
        let task = {
            let mut inner = self.bell.lock();
            inner.rung.push(self.clone());
            inner.task.clone()
        };
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ring_is_listed_once_until_taken() {
        let bell = Arc::new(Bell::default());
        let (one, two) = (bell.waker(Token::Listener(1)), bell.waker(Token::Local(Link(2))));
        one.wake_by_ref();
        two.wake_by_ref();
        one.wake_by_ref();
        let mut tokens = Vec::new();
        bell.take(&mut tokens);
        assert_eq!(tokens, [Token::Listener(1), Token::Local(Link(2))]);
        one.wake();
        tokens.clear();
        bell.take(&mut tokens);
        assert_eq!(tokens, [Token::Listener(1)]);
    }
}
