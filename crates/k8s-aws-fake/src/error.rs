//! Why a fake did not start.

use std::io;

/// Why a [`FakeAws`](crate::FakeAws) could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No listener could be opened on loopback.
    #[error("cannot listen on loopback")]
    Listen(#[source] io::Error),
    /// The test CA could not be made.
    #[error("cannot make the test CA")]
    Certificate(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The directory for the CA file could not be made or written.
    #[error("cannot write the CA file")]
    CaFile(#[source] io::Error),
    /// The background thread or its runtime could not be started.
    #[error("cannot start the background thread")]
    Thread(#[source] io::Error),
}

impl StartError {
    /// A stable code: `listen_failed`, `certificate_failed`, `ca_file_failed` or `thread_failed`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Listen(_) => "listen_failed",
            Self::Certificate(_) => "certificate_failed",
            Self::CaFile(_) => "ca_file_failed",
            Self::Thread(_) => "thread_failed",
        }
    }
}
