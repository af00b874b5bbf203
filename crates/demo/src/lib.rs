//! One command that runs the whole flow with no AWS account.
