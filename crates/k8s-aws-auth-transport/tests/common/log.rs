//! All that is logged, to look for what must not be there.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Mutex;

static LOG: Log = Log(Mutex::new(String::new()));

struct Log(Mutex<String>);

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0.lock().unwrap().push_str(&format!("{} {}\n", record.target(), record.args()));
    }

    fn flush(&self) {}
}

/// From now on, up to this level.
pub(crate) fn listen(level: log::LevelFilter) {
    log::set_logger(&LOG).unwrap();
    log::set_max_level(level);
}

pub(crate) fn log() -> String {
    LOG.0.lock().unwrap().clone()
}
