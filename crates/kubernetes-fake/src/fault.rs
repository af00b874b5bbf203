//! What goes wrong.

use crate::record::Recorded;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// What becomes of a request instead of its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A `Status` object of this HTTP status.
    Status(u16),
    /// Nothing, until the fault is cleared; then the connection is closed.
    Hang,
    /// The connection is closed.
    Close,
    /// HTTP 200 and this body.
    Body(String),
}

type When = Box<dyn Fn(&Recorded) -> bool + Send + Sync>;

struct Rule {
    fault: Fault,
    when: When,
}

/// The faults in force.
#[derive(Default)]
pub(crate) struct Faults {
    rules: Mutex<Vec<Arc<Rule>>>,
    cleared: watch::Sender<()>,
}

impl Faults {
    pub(crate) fn inject(&self, fault: Fault, when: When) {
        self.lock().push(Arc::new(Rule { fault, when }));
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
        self.cleared.send_replace(());
    }

    /// The first that is for this request, and what tells that the faults were cleared.
    pub(crate) fn of(&self, request: &Recorded) -> Option<(Fault, watch::Receiver<()>)> {
        let cleared = self.cleared.subscribe();
        let rules = self.lock().clone();
        let rule = rules.iter().find(|rule| (rule.when)(request))?;
        Some((rule.fault.clone(), cleared))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Rule>>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}
