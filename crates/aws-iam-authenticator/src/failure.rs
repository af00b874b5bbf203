use std::fmt;

/// The exit code of what failed.
const FAILED: u8 = 1;
/// The exit code of a command line that is wrong.
pub(crate) const USAGE: u8 = 2;
/// The exit code of a question whose answer is no.
const NO: u8 = 3;

/// Why a command did not do what it was asked, and what to do about it.
#[derive(Debug)]
pub struct Failure {
    what: String,
    remedy: Option<String>,
    exit_code: u8,
}

impl Failure {
    /// What went wrong, without a full stop.
    pub fn new(what: impl fmt::Display) -> Self {
        Self { what: what.to_string(), remedy: None, exit_code: FAILED }
    }

    /// The command line does not fit together.
    pub(crate) fn usage(what: impl fmt::Display) -> Self {
        Self { exit_code: USAGE, ..Self::new(what) }
    }

    /// Nothing went wrong; what was asked is not so.
    pub(crate) fn no(what: impl fmt::Display) -> Self {
        Self { exit_code: NO, ..Self::new(what) }
    }

    /// [`Failure::no`], where standard output has told it already.
    pub(crate) fn told_no() -> Self {
        Self::no("")
    }

    /// It failed, and standard output has told why.
    pub(crate) fn told() -> Self {
        Self::new("")
    }

    /// What to do next.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl fmt::Display) -> Self {
        self.remedy = Some(remedy.to_string());
        self
    }

    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// Whether there is nothing left to say.
    pub(crate) fn is_told(&self) -> bool {
        self.what.is_empty()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n  {remedy}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}
