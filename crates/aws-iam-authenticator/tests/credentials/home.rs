//! A home folder, a fake AWS, and the program run in both.

use crate::secrets::Secrets;
use bytes::Bytes;
use k8s_aws_auth::identity::EndpointTable;
use k8s_aws_auth::presign::ClusterId;
use k8s_aws_auth::sts::{Partition, Policy, Verifier};
use k8s_aws_auth::token::Token;
use k8s_aws_auth::tokenreview::ExecCredential;
use k8s_aws_auth_hyper::HttpsTransport;
use k8s_aws_fake::{Credential, FakeAws, Identity};
use std::cell::RefCell;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;
use tempfile::TempDir;

pub(crate) const CLUSTER: &str = "credentials.example";
/// The account of everything here.
pub(crate) const ACCOUNT: &str = "111122223333";

/// A user's machine: what runs on it finds the fake AWS and nothing else.
pub(crate) struct Home {
    pub(crate) fake: FakeAws,
    folder: TempDir,
    secrets: RefCell<Secrets>,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("credentials-").tempdir().unwrap();
        Self { fake: FakeAws::start().unwrap(), folder, secrets: RefCell::default() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file below the home folder: its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// `~/.aws/config`
    pub(crate) fn config(&self, text: &str) {
        self.file(".aws/config", text);
    }

    /// A user with keys: the credential, and it as the lines of a profile.
    pub(crate) fn user(&self, name: &str) -> (Credential, String) {
        let credential = self.fake.issue(Identity::user(ACCOUNT, "/", name));
        self.know(credential.secret_access_key());
        let (key, secret) = (credential.access_key_id(), credential.secret_access_key());
        let lines = format!("aws_access_key_id = {key}\naws_secret_access_key = {secret}\n");
        (credential, lines)
    }

    /// From now on this must not be seen.
    pub(crate) fn know(&self, secret: &str) {
        self.secrets.borrow_mut().add(secret.as_bytes());
    }

    /// The command `token`, at its most talkative.
    pub(crate) fn token(&self) -> Run<'_> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aws-iam-authenticator"));
        command.current_dir(self.folder.path()).env_clear().envs(self.fake.env());
        // The files are those of the home folder.
        command.env_remove("AWS_CONFIG_FILE").env_remove("AWS_SHARED_CREDENTIALS_FILE");
        command.env("HOME", self.folder.path()).env("USERPROFILE", self.folder.path());
        // `credential_process` needs a shell and what it calls.
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("RUST_LOG", "trace").env("AWS_REGION", "eu-west-1");
        command.args(["token", "-v", "trace", "-i", CLUSTER]);
        Run { home: self, command, input: String::new() }
    }

    /// The actions that the fake was asked for since the last time.
    pub(crate) fn actions(&self) -> Vec<&'static str> {
        self.fake.take_calls().iter().map(|call| call.action.unwrap_or("?")).collect()
    }

    fn who(&self, token: &str) -> String {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let transport = HttpsTransport::builder().proxy(&self.fake.proxy_url(), "").unwrap();
        let transport = transport.roots_pem(self.fake.ca_pem().as_bytes()).unwrap().build().unwrap();
        let verifier = Verifier::new(Policy::new(Partition::Aws));
        let cluster = ClusterId::parse(CLUSTER).unwrap();
        let call = verifier.begin(token, &cluster, SystemTime::now()).unwrap();
        let request = call.request().into_http().map(|()| Bytes::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(transport.send(request)).unwrap();
        call.finish(&answer).unwrap().arn().to_owned()
    }
}

/// A run of the program that is being prepared.
pub(crate) struct Run<'a> {
    home: &'a Home,
    command: Command,
    input: String,
}

impl<'a> Run<'a> {
    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn variables(mut self, variables: Vec<(&'static str, String)>) -> Self {
        self.command.envs(variables);
        self
    }

    pub(crate) fn profile(self, name: &str) -> Self {
        self.variable("AWS_PROFILE", name)
    }

    /// What comes on standard input.
    pub(crate) fn input(mut self, text: &str) -> Self {
        self.input = text.to_owned();
        self
    }

    /// Starts it and does not wait.
    pub(crate) fn start(mut self) -> Running<'a> {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        // A program that has no use for its input may be gone already.
        let _ = child.stdin.take().unwrap().write_all(self.input.as_bytes());
        Running { home: self.home, child }
    }

    pub(crate) fn run(self) -> Ran<'a> {
        self.start().wait()
    }

    /// Runs it, which is to succeed without a word: the ARN that STS knows the token by.
    #[track_caller]
    pub(crate) fn caller(self) -> String {
        let ran = self.run();
        assert_eq!(ran.stderr(), "", "nothing is said about a success");
        ran.caller()
    }

    /// Runs it, which is to fail, print nothing, and say all this.
    #[track_caller]
    pub(crate) fn fails(self, wants: &[&str]) -> String {
        let ran = self.run();
        assert_eq!(ran.output.status.code(), Some(1), "{}", ran.stderr());
        assert_eq!(String::from_utf8_lossy(&ran.output.stdout), "");
        for want in wants {
            assert!(ran.stderr().contains(want), "{want:?} in {}", ran.stderr());
        }
        assert!(ran.stderr().trim_end().lines().count() >= 2, "what, and what to do next: {}", ran.stderr());
        ran.stderr().to_owned()
    }
}

pub(crate) struct Running<'a> {
    home: &'a Home,
    child: std::process::Child,
}

impl<'a> Running<'a> {
    pub(crate) fn wait(self) -> Ran<'a> {
        let output = self.child.wait_with_output().unwrap();
        if let Ok(credential) = ExecCredential::from_slice(output.stdout.trim_ascii_end()) {
            self.home.secrets.borrow_mut().add_token(credential.token().expose());
        }
        let secrets = self.home.secrets.borrow();
        secrets.assert_not_in(&output.stderr, "standard error");
        Ran { home: self.home, output }
    }
}

/// What came of it. Standard error has been searched for secrets.
pub(crate) struct Ran<'a> {
    home: &'a Home,
    pub(crate) output: Output,
}

impl Ran<'_> {
    pub(crate) fn stderr(&self) -> &str {
        std::str::from_utf8(&self.output.stderr).unwrap()
    }

    #[track_caller]
    pub(crate) fn credential(&self) -> ExecCredential {
        assert!(self.output.status.success(), "{}", self.stderr());
        ExecCredential::from_slice(self.output.stdout.trim_ascii_end()).unwrap()
    }

    #[track_caller]
    pub(crate) fn token(&self) -> Token {
        Token::decode(self.credential().token().expose().as_bytes(), &EndpointTable::standard()).unwrap()
    }

    #[track_caller]
    pub(crate) fn caller(&self) -> String {
        self.home.who(self.credential().token().expose())
    }
}

/// The ARN of a session of a role.
pub(crate) fn session(role: &str, name: &str) -> String {
    format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{name}")
}

/// The ARN of a user.
pub(crate) fn user(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:user/{name}")
}
