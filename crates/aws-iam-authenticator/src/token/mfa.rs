//! The question for the code of an MFA device: on standard error, because standard output is the credential's.

use std::io::{self, BufRead, Read, Write};

/// Nobody types more.
const MOST_INPUT: u64 = 1024;

/// Asks, and reads one line of standard input, which a terminal or a pipe may be.
pub(super) fn ask(serial: &str) -> io::Result<String> {
    let printable: String = serial.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut err = io::stderr().lock();
    write!(err, "MFA code for {printable}: ")?;
    err.flush()?;
    let mut line = String::new();
    io::stdin().lock().take(MOST_INPUT).read_line(&mut line)?;
    Ok(line)
}
