//! Which connections are open, how long each may stay, and which has to go when there is no room for another.
//!
//! A connection whose request is being answered is never closed for another one. Any other can be, the one first that was of no use
//! for the longest: of those that never had an answer to a complete body where they have half of the room, else of those that had.
//! Sending a request slowly is not being of use, so whoever opens very many connections, however fast, or feeds them byte by byte,
//! takes room from others of their kind and not from API servers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};

/// How long a connection may be without a request. API servers, as all Go programs, close theirs after 90 seconds: a server that
/// closes first could meet a request on its way.
const IDLE_LIMIT: Duration = Duration::from_secs(180);
/// How long the head of an HTTP/1.1 request may take from its first byte.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// How long a new connection is left alone before its first request, which is on its way.
const SETTLE: Duration = Duration::from_millis(200);
/// How long a connection without a request stays open once the server stops, for one that is on its way.
const LINGER: Duration = Duration::from_secs(1);
/// The most bytes of bodies that wait, of all connections together: requests that are not complete, answers that nobody reads. A
/// `TokenReview` of a token of the largest size has 24 KiB, most have 3 KiB.
const MOST_BODY_BYTES: usize = 1 << 20;

/// The connections that are open.
pub(super) struct Connections {
    limit: usize,
    state: Mutex<State>,
    /// There may be room now: somebody left, or can be told to.
    changed: Notify,
    stopping: AtomicBool,
}

#[derive(Default)]
struct State {
    open: HashMap<u64, Open>,
    next: u64,
    body_bytes: usize,
    /// How many were closed to make room.
    closed_for_room: u64,
    stopping: Option<Instant>,
}

struct Open {
    /// Until when it is left alone.
    settles: Instant,
    /// Where it stands in the order in which connections were last of use.
    used: u64,
    /// When that was.
    since: Instant,
    /// A request with a body was answered.
    proven: bool,
    /// When the first bytes of a request came whose head is not complete.
    heard: Option<Instant>,
    /// How many requests were begun and not answered.
    requests: usize,
    /// How many of those are complete and wait for their answer.
    answering: usize,
    /// The bytes of bodies that wait.
    body_bytes: usize,
    /// Has to go.
    told: bool,
    wake: Arc<Notify>,
}

impl Connections {
    /// At most `limit` at a time.
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit: limit.max(1),
            state: Mutex::default(),
            changed: Notify::new(),
            stopping: AtomicBool::new(false),
        })
    }

    /// Registers a connection that was accepted, once there is room: one that is of no use is told to go, and while all are, this
    /// waits. One task alone may wait here.
    pub(super) async fn admit(self: &Arc<Self>) -> Connection {
        loop {
            let look_again = {
                let (now, mut state) = (Instant::now(), self.state());
                if state.open.len() < self.limit {
                    return self.register(&mut state, now);
                }
                state.make_room(now)
            };
            match look_again {
                Some(at) => drop(timeout_at(at, self.changed.notified()).await),
                None => self.changed.notified().await,
            }
        }
    }

    /// Tells the one that has been of no use for the longest to go, where the system has no room for another.
    pub(super) fn make_room(&self) {
        self.state().make_room(Instant::now());
    }

    /// No connection gets another request from here on, but those that are on their way are answered.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        let mut state = self.state();
        state.stopping = Some(Instant::now());
        state.open.values().for_each(|open| open.wake.notify_one());
    }

    /// Waits until all are closed, and no longer than this.
    pub(super) async fn closed(&self, limit: Duration) {
        let closed = async {
            while !self.state().open.is_empty() {
                self.changed.notified().await;
            }
        };
        let _ = timeout(limit, closed).await;
    }

    /// How many are open, and how many were closed so far to make room for others.
    pub(super) fn count(&self) -> (usize, u64) {
        let state = self.state();
        (state.open.len(), state.closed_for_room)
    }

    fn register(self: &Arc<Self>, state: &mut State, now: Instant) -> Connection {
        let (id, wake) = (state.turn(), Arc::new(Notify::new()));
        let open = Open {
            settles: now + SETTLE,
            used: id,
            since: now,
            proven: false,
            heard: None,
            requests: 0,
            answering: 0,
            body_bytes: 0,
            told: false,
            wake: wake.clone(),
        };
        state.open.insert(id, open);
        Connection { all: self.clone(), id, wake }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn turn(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Tells one to go. Gives when to look again, where that is known.
    fn make_room(&mut self, now: Instant) -> Option<Instant> {
        if self.open.values().any(|open| open.told) {
            return None;
        }
        let idle = |proven| self.open.values().filter(move |open| open.answering == 0 && open.proven == proven);
        // Those that had no answer yet get half of the room. From then on they make room for each other, once they settled.
        let many = 2 * idle(false).count() >= self.open.len();
        let new = || idle(false).filter(|open| now >= open.settles).min_by_key(|open| open.used);
        let oldest = idle(true).filter(|_| !many).min_by_key(|open| open.used).or_else(new);
        match oldest.map(|open| open.used) {
            None => idle(false).map(|open| open.settles).min(),
            Some(oldest) => {
                self.closed_for_room += 1;
                self.open.values_mut().filter(|open| open.used == oldest).for_each(Open::tell);
                None
            }
        }
    }

    /// Tells the one with the most bytes of bodies that wait to go, unless it is enough that others were told.
    fn shed_bodies(&mut self) {
        let staying = self.open.values().filter(|open| !open.told).map(|open| open.body_bytes);
        if staying.sum::<usize>() <= MOST_BODY_BYTES {
            return;
        }
        if let Some(most) = self.open.values_mut().filter(|open| !open.told).max_by_key(|open| open.body_bytes) {
            self.closed_for_room += 1;
            most.tell();
        }
    }
}

impl Open {
    fn tell(&mut self) {
        self.told = true;
        self.wake.notify_one();
    }
}

/// A connection; it makes room when it is dropped.
pub(super) struct Connection {
    all: Arc<Connections>,
    id: u64,
    wake: Arc<Notify>,
}

/// What a connection has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing: a request is being answered, and has a limit of its own.
    Never,
    /// Close at this time.
    At(Instant),
    /// Close now.
    Now,
}

impl Connection {
    /// Ends when [`Connection::due`] may have changed by what others did.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Ends when it has to make room.
    pub(super) async fn told(&self) {
        while self.due(false) != Due::Now {
            self.woken().await;
        }
    }

    /// Whether [`Connections::stop`] was called.
    pub(super) fn stopping(&self) -> bool {
        self.all.stopping.load(Ordering::Relaxed)
    }

    /// When it has to be closed, as things are. HTTP/2 has frames that are no requests, so that hearing something means nothing.
    pub(super) fn due(&self, http2: bool) -> Due {
        let state = self.all.state();
        let Some(open) = state.open.get(&self.id).filter(|open| !open.told) else { return Due::Now };
        match (open.requests, open.heard.filter(|_| !http2), state.stopping) {
            (1.., ..) => Due::Never,
            (0, Some(heard), _) => Due::At(heard + HEAD_LIMIT),
            (0, None, Some(stopping)) => Due::At(open.since.max(stopping) + LINGER),
            (0, None, None) => Due::At(open.since + IDLE_LIMIT),
        }
    }

    /// Bytes came.
    pub(super) fn heard(&self) {
        self.update(|open| {
            if open.requests == 0 && open.heard.is_none() {
                open.heard = Some(Instant::now());
            }
        });
    }

    /// The head of a request came.
    pub(super) fn request(self: &Arc<Self>) -> Arc<InFlight> {
        self.update(|open| {
            open.requests += 1;
            open.heard = None;
        });
        Arc::new(InFlight {
            connection: self.clone(),
            body_bytes: AtomicUsize::new(0),
            complete: AtomicBool::new(false),
        })
    }

    /// So many bytes of a body wait. Where those of all connections are too many, the one with the most has to go.
    pub(super) fn hold(&self, bytes: usize) {
        let mut state = self.all.state();
        if let Some(open) = state.open.get_mut(&self.id) {
            open.body_bytes += bytes;
            state.body_bytes += bytes;
        }
        if state.body_bytes > MOST_BODY_BYTES {
            state.shed_bodies();
        }
    }

    /// They do not wait any more.
    pub(super) fn let_go(&self, bytes: usize) {
        let mut state = self.all.state();
        if let Some(open) = state.open.get_mut(&self.id) {
            open.body_bytes -= bytes;
            state.body_bytes -= bytes;
        }
    }

    fn update(&self, change: impl FnOnce(&mut Open)) {
        if let Some(open) = self.all.state().open.get_mut(&self.id) {
            change(open);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut state = self.all.state();
        if let Some(open) = state.open.remove(&self.id) {
            state.body_bytes -= open.body_bytes;
        }
        drop(state);
        self.all.changed.notify_one();
    }
}

/// A request from its head to its answer.
pub(super) struct InFlight {
    connection: Arc<Connection>,
    body_bytes: AtomicUsize,
    complete: AtomicBool,
}

impl InFlight {
    /// The connection that it came by.
    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Bytes of its body came, see [`Connection::hold`].
    pub(super) fn received(&self, bytes: usize) {
        self.body_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.connection.hold(bytes);
    }

    /// Its body is complete: from here on it is answered.
    pub(super) fn complete(&self) {
        if !self.complete.swap(true, Ordering::Relaxed) {
            self.connection.let_go(self.body_bytes.swap(0, Ordering::Relaxed));
            self.connection.update(|open| open.answering += 1);
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let complete = self.complete.load(Ordering::Relaxed);
        let turn = self.connection.all.state().turn();
        self.connection.let_go(self.body_bytes.swap(0, Ordering::Relaxed));
        self.connection.update(|open| {
            open.requests -= 1;
            open.answering -= usize::from(complete);
            open.proven |= complete;
            open.used = turn;
            open.since = Instant::now();
            open.settles = open.since;
        });
        self.connection.all.changed.notify_one();
    }
}

#[cfg(test)]
mod tests;
