//! What ends guests whose time is up.
//!
//! All requests have as much time. So they end in the order in which they began, and one task, which sleeps until the time of the oldest is up, watches all of them: a request
//! costs a place in a list and no timer.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};
use wasmer_api::InterruptHandle;

use crate::server::until;

/// How often a guest is interrupted that does not end: a signal that comes just before its thread blocks in a system call does not wake it.
const REPEAT: Duration = Duration::from_millis(20);

/// The guests that answer requests.
#[derive(Default)]
pub(crate) struct Deadlines {
    watched: Mutex<Watched>,
    /// Told when there is one again.
    begun: Notify,
}

#[derive(Default)]
struct Watched {
    places: Vec<Option<Arc<Time>>>,
    free: Vec<usize>,
}

/// The time of one guest.
pub(crate) struct Time {
    deadline: Instant,
    /// There once there is something to interrupt.
    pub(crate) interrupt: OnceLock<InterruptHandle>,
    is_up: AtomicBool,
}

impl Time {
    /// Whether the guest was interrupted.
    pub(crate) fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Acquire)
    }

    fn end(&self) {
        self.is_up.store(true, Ordering::Release);
        if let Some(interrupt) = self.interrupt.get() {
            interrupt.interrupt();
        }
    }
}

/// Watched as long as this lives.
pub(crate) struct Watch {
    deadlines: Arc<Deadlines>,
    place: usize,
}

impl Deadlines {
    /// Watches a guest from now on.
    pub(crate) fn watch(self: &Arc<Self>, deadline: Instant) -> (Arc<Time>, Watch) {
        let time = Arc::new(Time { deadline, interrupt: OnceLock::new(), is_up: AtomicBool::new(false) });
        let mut watched = self.lock();
        let is_first = watched.free.len() == watched.places.len();
        let place = watched.free.pop().unwrap_or_else(|| {
            watched.places.push(None);
            watched.places.len() - 1
        });
        watched.places[place] = Some(Arc::clone(&time));
        drop(watched);
        // While there were others, the task sleeps until the time of one of them, which is up before this one's.
        if is_first {
            self.begun.notify_one();
        }
        (time, Watch { deadlines: Arc::clone(self), place })
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        // Nothing is done under the lock that leaves the list half changed.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the guests whose time is up, all of them if that is said, and again until they notice.
    pub(crate) async fn enforce(&self, mut is_over: watch::Receiver<bool>) {
        loop {
            let all = *is_over.borrow_and_update();
            let now = Instant::now();
            let times: Vec<_> = self.lock().places.iter().flatten().cloned().collect();
            let (up, left): (Vec<_>, Vec<_>) = times.into_iter().partition(|time| all || time.deadline <= now);
            up.iter().for_each(|time| time.end());
            let next = left.iter().map(|time| time.deadline).chain((!up.is_empty()).then(|| now + REPEAT)).min();
            let wait = async {
                match next {
                    Some(next) => sleep_until(next).await,
                    None => self.begun.notified().await,
                }
            };
            // The sender is the server's; when that is gone nobody is left to end.
            let over = async {
                if is_over.changed().await.is_err() {
                    std::future::pending().await
                }
            };
            until(&mut pin!(over), wait).await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self.deadlines.lock();
        watched.places[self.place] = None;
        watched.free.push(self.place);
    }
}
