//! The program; all of it is in the library.
#![allow(clippy::disallowed_methods, reason = "a program reads its arguments")]

use std::process::ExitCode;

fn main() -> ExitCode {
    aws_iam_authenticator::run(std::env::args_os())
}
