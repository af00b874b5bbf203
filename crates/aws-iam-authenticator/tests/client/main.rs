//! The client's commands, run as people run them: the real program, files, pipes, a fake AWS and a fake API server.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests of a program: files, processes, pipes")]

mod change;
mod explain;
mod help;
mod kubeconfig;
mod lint;
mod troubleshooting;
mod verify;

use k8s_aws_fake::{FakeAws, samples};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A folder to work in, and what the program is run with.
pub(crate) struct Desk {
    folder: TempDir,
    environment: Vec<(String, String)>,
    program: PathBuf,
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("client-").tempdir().unwrap();
        let home = folder.path().display().to_string();
        let environment = vec![("HOME".to_owned(), home.clone()), ("USERPROFILE".to_owned(), home)];
        Self { folder, environment, program: env!("CARGO_BIN_EXE_aws-iam-authenticator").into() }
    }

    /// With the way to a fake AWS.
    pub(crate) fn with_aws(fake: &FakeAws) -> Self {
        let mut desk = Self::new();
        desk.environment.extend(fake.env().into_iter().map(|(name, value)| (name.to_string(), value.to_string())));
        desk
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Calls the program by another name.
    pub(crate) fn called(mut self, name: &str) -> Self {
        let path = self.path(name);
        // A copy that was written a moment ago may be too busy to be run.
        #[cfg(unix)]
        std::os::unix::fs::symlink(&self.program, &path).unwrap();
        #[cfg(not(unix))]
        fs::copy(&self.program, &path).unwrap();
        self.program = path;
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and gives its name.
    pub(crate) fn file<'n>(&self, name: &'n str, text: &str) -> &'n str {
        fs::write(self.path(name), text).unwrap();
        name
    }

    pub(crate) fn read(&self, path: impl AsRef<Path>) -> String {
        fs::read_to_string(self.folder.path().join(path)).unwrap()
    }

    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    /// Runs the program with this on its standard input.
    #[track_caller]
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = Command::new(&self.program)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that has no use for its input may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// Ended well, with nothing on standard error.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!((self.code, &*self.stderr), (0, ""), "{self:#?}");
        self.stdout
    }

    /// Ended with this code, and this on standard error.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, why: &str) {
        assert_eq!(self.code, code, "{self:#?}");
        assert!(self.stderr.contains(why), "{why}: {self:#?}");
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// A token of this sample for a cluster, signed now.
pub(crate) fn token(sample: &samples::Sample, cluster: &str) -> String {
    let mut desk = Desk::new().variable("AWS_REGION", "eu-west-1");
    desk.environment
        .extend(sample.credential.env().into_iter().map(|(name, value)| (name.to_string(), value.to_string())));
    desk.run(&["token", "-i", cluster, "--token-only"]).ok().trim().to_owned()
}
