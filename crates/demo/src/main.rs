//! The whole flow in one command, with no AWS account: a fake AWS and the real webhook server over TLS, tokens minted for
//! three callers and posted as an API server posts them, and five bad tokens with the reason each is refused.
//!
//! `--json` prints the same for machines. The exit code is 0 only if every step came out as meant.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a program")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what a demo does")]

mod api_server;
mod report;
mod scenes;
mod webhook;

use api_server::ApiServer;
use k8s_aws_fake::FakeAws;
use report::Report;
use std::error::Error;
use std::process::ExitCode;
use webhook::WebhookProcess;

/// Every step can fail, and says why.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let as_json = match arguments.nth(1) {
        None => false,
        Some(argument) if argument == "--json" => true,
        // This process is the webhook server that another demo process started.
        Some(argument) if argument == webhook::PROGRAM => {
            return aws_iam_authenticator::run(std::iter::once(argument).chain(arguments));
        }
        Some(_) => {
            eprintln!("usage: demo [--json]");
            return ExitCode::from(2);
        }
    };
    match run() {
        Ok(report) => {
            print!("{}", if as_json { report.to_json() } else { report.to_text() });
            if report.all_as_meant() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("the demo broke off: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<Report> {
    // One choice of cryptography for the process; the fake and the API server's client share it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let aws = FakeAws::start()?;
    let directory = tempfile::tempdir()?;
    let mut webhook = WebhookProcess::start(directory.path(), &aws.env())?;
    let api_server = ApiServer::from_kubeconfig(&webhook.kubeconfig)?;

    let mut report = Report::new(&aws, &webhook);
    for scene in scenes::logins() {
        report.logins.push(scene.play(&aws, &mut webhook, &api_server)?);
    }
    for scene in scenes::refusals()? {
        report.refusals.push(scene.play(&aws, &mut webhook, &api_server)?);
    }
    webhook.stop()?;
    Ok(report)
}
