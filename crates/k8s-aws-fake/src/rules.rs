//! The faults in force.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use tokio::sync::watch;

use crate::endpoint::Endpoint;
use crate::fault::{AnswerFault, ConnectFault, Fault, TlsFault, What};
use crate::record::Journal;
use crate::sync::{read, write};

/// A fault that was put in force. Dropping it leaves the fault in force.
#[derive(Clone)]
pub struct Injected {
    rule: Arc<Rule>,
    rules: Arc<Rules>,
}

impl Injected {
    /// How often it has been applied.
    pub fn hits(&self) -> u64 {
        self.rule.hits.load(Ordering::Acquire)
    }

    /// Takes it out of force and lets those go on that it holds.
    pub fn clear(&self) {
        self.rules.remove(|rule| Arc::ptr_eq(rule, &self.rule));
    }
}

impl std::fmt::Debug for Injected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Injected").field("fault", &self.rule.fault.name).field("hits", &self.hits()).finish()
    }
}

pub(crate) struct Rule {
    pub(crate) fault: Fault,
    hits: AtomicU64,
    cleared: watch::Sender<bool>,
}

impl Rule {
    /// Waits until the rule is cleared.
    pub(crate) async fn cleared(&self) {
        // The sender lives as long as `self`.
        let _ = self.cleared.subscribe().wait_for(|cleared| *cleared).await;
    }

    fn matches(&self, host: &str, action: Option<&str>) -> bool {
        let Fault { host: on_host, region, action: on_action, .. } = &self.fault;
        on_host.as_deref().is_none_or(|wanted| wanted == host)
            && region.as_deref().is_none_or(|wanted| Endpoint::of(host).is_some_and(|e| e.region == wanted))
            && on_action.as_deref().is_none_or(|wanted| action == Some(wanted))
    }

    /// Counts a hit, if the fault is not used up.
    fn hit(&self) -> bool {
        let more = |hits: u64| self.fault.times.is_none_or(|times| hits < times).then(|| hits + 1);
        self.hits.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }
}

/// All faults in force, in the order in which they were put there.
pub(crate) struct Rules {
    rules: RwLock<Vec<Arc<Rule>>>,
    any: AtomicBool,
    journal: Arc<Journal>,
}

impl Rules {
    pub(crate) fn new(journal: Arc<Journal>) -> Arc<Self> {
        Arc::new(Self { rules: RwLock::default(), any: AtomicBool::new(false), journal })
    }

    pub(crate) fn inject(self: &Arc<Self>, fault: Fault) -> Injected {
        let rule = Arc::new(Rule { fault, hits: AtomicU64::new(0), cleared: watch::Sender::new(false) });
        let mut rules = write(&self.rules);
        rules.push(rule.clone());
        self.any.store(true, Ordering::Release);
        Injected { rule, rules: self.clone() }
    }

    pub(crate) fn remove(&self, which: impl Fn(&Arc<Rule>) -> bool) {
        let mut rules = write(&self.rules);
        rules.retain(|rule| {
            let gone = which(rule);
            if gone {
                rule.cleared.send_replace(true);
            }
            !gone
        });
        self.any.store(!rules.is_empty(), Ordering::Release);
    }

    pub(crate) fn on_connect(&self, host: &str) -> Option<(Arc<Rule>, ConnectFault)> {
        let found = self.find(host, None, |what| if let What::Connect(fault) = what { Some(*fault) } else { None });
        self.count(found)
    }

    pub(crate) fn on_handshake(&self, host: &str) -> Option<(Arc<Rule>, TlsFault)> {
        let found = self.find(host, None, |what| if let What::Tls(fault) = what { Some(*fault) } else { None });
        self.count(found)
    }

    /// For an answer. The journal's count is left to the caller, who has a record to write anyway.
    pub(crate) fn on_answer(&self, host: &str, action: Option<&str>) -> Option<(Arc<Rule>, AnswerFault)> {
        self.find(host, action, |what| if let What::Answer(fault) = what { Some(fault.clone()) } else { None })
    }

    fn find<T>(&self, host: &str, action: Option<&str>, stage: impl Fn(&What) -> Option<T>) -> Option<(Arc<Rule>, T)> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix(":443").unwrap_or(&host);
        read(&self.rules).iter().find_map(|rule| {
            let fault = stage(&rule.fault.what)?;
            (rule.matches(host, action) && rule.hit()).then(|| (rule.clone(), fault))
        })
    }

    fn count<T>(&self, found: Option<T>) -> Option<T> {
        if found.is_some() {
            self.journal.count(|c| c.faults += 1);
        }
        found
    }
}
