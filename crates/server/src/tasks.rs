//! Counts the tasks of a server, so that its end can wait for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Starts tasks and knows when all have ended. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tasks(Arc<Counted>);

#[derive(Debug, Default)]
struct Counted {
    running: AtomicUsize,
    none_left: Notify,
}

struct Running(Arc<Counted>);

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none_left.notify_waiters();
        }
    }
}

impl Tasks {
    /// Starts a task; it counts until its future is dropped, with all it holds.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        self.0.running.fetch_add(1, Ordering::AcqRel);
        let running = Running(Arc::clone(&self.0));
        // Boxed out here, or the task would keep room for it besides the box.
        let future = Box::pin(future);
        tokio::spawn(async move {
            let _running = running;
            future.await
        })
    }

    /// Waits until no task is left.
    pub async fn ended(&self) {
        loop {
            let none_left = self.0.none_left.notified();
            if self.0.running.load(Ordering::Acquire) == 0 {
                return;
            }
            none_left.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_is_when_all_have_dropped_what_they_held() {
        let (tasks, held) = (Tasks::default(), Arc::new(()));
        for _ in 0..10 {
            let held = Arc::clone(&held);
            tasks.spawn(async move {
                tokio::task::yield_now().await;
                drop(held);
            });
        }
        tasks.ended().await;
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
