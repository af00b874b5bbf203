//! The real webhook server, as a process of its own: this very executable, run under the server's name.

use crate::Result;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// The name under which this executable is the server.
pub(crate) const PROGRAM: &str = "aws-iam-authenticator";

/// How long to wait for a line that has to come; only a broken demo waits that long.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct WebhookProcess {
    process: Child,
    /// The server's log, line by line.
    log: Receiver<Value>,
    pub(crate) address: String,
    pub(crate) kubeconfig: PathBuf,
}

impl WebhookProcess {
    /// Starts the server and waits until it listens. `environment` leads it to the fake AWS.
    pub(crate) fn start(directory: &Path, environment: &[(&'static str, String)]) -> Result<Self> {
        let config = directory.join("config.yaml");
        std::fs::write(&config, include_str!("config.yaml"))?;
        let kubeconfig = directory.join("kubeconfig.yaml");
        let mut process = Command::new(std::env::current_exe()?)
            .args([
                PROGRAM,
                "server",
                "--log-format=json",
                "--log-verbosity=debug",
                "--feature-gates=SSORoleMatch=true",
            ])
            .arg("--config")
            .arg(&config)
            .arg("--state-dir")
            .arg(directory.join("state"))
            .arg("--generate-kubeconfig")
            .arg(&kubeconfig)
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = process.stderr.take().ok_or("the server has no log")?;
        let (lines, log) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(std::result::Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if lines.send(line).is_err() {
                    break;
                }
            }
        });
        let mut webhook = Self { process, log, address: String::new(), kubeconfig };
        let lines = webhook.lines_until(&["listening"])?;
        let address = lines.last().and_then(|line| line["address"].as_str()).ok_or("the server does not say where")?;
        webhook.address = address.to_owned();
        Ok(webhook)
    }

    /// The lines of the log up to one with one of these messages.
    pub(crate) fn lines_until(&mut self, messages: &[&str]) -> Result<Vec<Value>> {
        let mut lines = Vec::new();
        loop {
            let line = self.log.recv_timeout(PATIENCE).map_err(|_| format!("the server ended; its log: {lines:?}"))?;
            let found = line["msg"].as_str().is_some_and(|message| messages.contains(&message));
            lines.push(line);
            if found {
                return Ok(lines);
            }
        }
    }

    /// Ends the server.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for WebhookProcess {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}
