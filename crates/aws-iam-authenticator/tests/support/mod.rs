//! The real program as a process, in a directory of its own, with an API server's eyes on it.
//!
//! Nothing here sleeps: what a test waits for is a line of the log, an answer, or the end of the process. `PATIENCE` is there
//! for the day on which one of them does not come.
#![allow(dead_code, unused_imports, reason = "every test program uses its own part")]

mod client;
mod load;
mod log;
mod secrets;

pub(crate) use client::{Answer, Http, TlsStream};
pub(crate) use load::{Outcome, Plan, under_load};
pub(crate) use log::Line;
pub(crate) use secrets::Secrets;

use aws_credential_types::Credentials;
use k8s_aws_auth::identity::EndpointTable;
use k8s_aws_auth::presign::{ClusterId, presign};
use k8s_aws_fake::{Credential, FakeAws};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// The cluster of the tests.
pub(crate) const CLUSTER: &str = "blackbox.example";
/// The endpoint that tokens are made for unless a test says otherwise.
pub(crate) const HOST: &str = "sts.eu-central-1.amazonaws.com";
/// Only a broken program makes a test wait that long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The messages that end a request in the log.
pub(crate) const DECIDED: [&str; 3] = ["access granted", "access denied", "could not parse request body"];

/// The real program, not started yet: its directory, configuration, arguments and environment.
pub(crate) struct Program {
    directory: TempDir,
    cluster: Option<String>,
    top: String,
    server: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    text_log: bool,
    pregenerated: bool,
    remembers: bool,
    file_descriptors: Option<u32>,
    mounts: Vec<String>,
}

impl Program {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::Builder::new().prefix("blackbox-").tempdir().unwrap(),
            cluster: Some(CLUSTER.to_owned()),
            top: String::new(),
            server: String::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            text_log: false,
            pregenerated: false,
            remembers: false,
            file_descriptors: None,
            mounts: Vec::new(),
        }
    }

    /// More of the section `server` of the configuration, as YAML that begins in the first column.
    pub(crate) fn configured(mut self, yaml: &str) -> Self {
        for line in yaml.lines() {
            self.server.push_str(&format!("  {line}\n"));
        }
        self
    }

    /// A line at the top of the configuration, behind the cluster's id.
    pub(crate) fn at_the_top(mut self, yaml: &str) -> Self {
        self.top.push_str(&format!("{yaml}\n"));
        self
    }

    pub(crate) fn cluster(mut self, id: &str) -> Self {
        self.cluster = Some(id.to_owned());
        self
    }

    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn text_log(mut self) -> Self {
        self.text_log = true;
        self
    }

    /// So many file descriptors may the process have.
    pub(crate) fn file_descriptors(mut self, limit: u32) -> Self {
        self.file_descriptors = Some(limit);
        self
    }

    /// Sees this folder as where the files of a pod's service account are, see [`can_mount`].
    pub(crate) fn service_account(mut self, directory: &Path) -> Self {
        let here = "/var/run/secrets/kubernetes.io/serviceaccount";
        self.mounts
            .push(format!("mount -t tmpfs none /var/run && mkdir -p {here} && mount --bind {directory:?} {here}"));
        self
    }

    /// Sees this file in the place of another, see [`can_mount`].
    pub(crate) fn file_instead(mut self, of: &str, file: &Path) -> Self {
        self.mounts.push(format!("mount --bind {file:?} {of}"));
        self
    }

    /// No kubeconfig is written: `--kubeconfig-pregenerated`.
    pub(crate) fn pregenerated(mut self) -> Self {
        self.pregenerated = true;
        self
    }

    /// Verified callers are remembered as they are by default; in the other tests STS is asked each time.
    pub(crate) fn remembering(mut self) -> Self {
        self.remembers = true;
        self
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.directory().join("state")
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.directory().join("kubeconfig.yaml")
    }

    /// Starts the server and waits until it listens.
    pub(crate) fn start(&self, fake: &FakeAws) -> Server {
        let (child, lines) = self.spawn(Some(fake));
        Server::new(self, child, lines)
    }

    /// Starts the server, which is to refuse to start: the lines of standard error.
    pub(crate) fn refuses_to_start(&self, fake: Option<&FakeAws>) -> String {
        let (mut child, lines) = self.spawn(fake);
        let mut error = String::new();
        loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) => error.push_str(&format!("{line}\n")),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let _ = child.kill();
                    panic!("the server started, although it should not; its log:\n{error}");
                }
            }
            if Line::parse(error.lines().last().unwrap_or_default()).is("listening", "path", "/authenticate") {
                let _ = child.kill();
            }
        }
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(1), "{error}");
        error
    }

    /// The command with everything but its streams.
    pub(crate) fn command(&self, fake: Option<&FakeAws>) -> Command {
        let config = self.directory().join("config.yaml");
        let cluster = self.cluster.as_ref().map(|id| format!("clusterID: {}\n", json!(id))).unwrap_or_default();
        let cache = if self.remembers { "" } else { "  identityCacheSeconds: 0\n" };
        let text = format!("{cluster}{}server:\n{}{cache}  healthAddress: 127.0.0.1:0\n", self.top, self.server);
        std::fs::write(&config, text).unwrap();
        let program = env!("CARGO_BIN_EXE_aws-iam-authenticator");
        let mut command = match self.file_descriptors {
            _ if !self.mounts.is_empty() => mounted(&self.mounts.join(" && "), program),
            None => Command::new(program),
            Some(limit) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("ulimit -n {limit} && exec \"$0\" \"$@\""), program]);
                shell
            }
        };
        command.current_dir(self.directory()).env_clear();
        command.args(["server", "--port=0", "--log-verbosity=trace", "--config"]).arg(&config);
        command.arg(format!("--log-format={}", if self.text_log { "text" } else { "json" }));
        command.arg("--state-dir").arg(self.state());
        match self.pregenerated {
            true => command.arg("--kubeconfig-pregenerated"),
            false => command.arg("--generate-kubeconfig").arg(self.kubeconfig()),
        };
        command.args(&self.arguments);
        command.envs(fake.map(FakeAws::env).unwrap_or_default());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn spawn(&self, fake: Option<&FakeAws>) -> (Child, Receiver<String>) {
        let mut command = self.command(fake);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let stderr = child.stderr.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        (child, lines)
    }
}

/// A command in a mount namespace of its own, where this was mounted.
fn mounted(script: &str, program: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &format!("{script} && exec \"$0\" \"$@\""), program]);
    command
}

/// Whether this machine lets a test mount something that nobody else sees, which takes root.
pub(crate) fn can_mount() -> bool {
    mounted("mount -t tmpfs none /var/run", "true").output().is_ok_and(|output| output.status.success())
}

/// A server that runs. When it goes, its whole log and every body that it answered are searched for secrets.
pub(crate) struct Server {
    child: Child,
    log: Mutex<ServerLog>,
    secrets: Mutex<Secrets>,
    pub(crate) http: Http,
    pub(crate) address: SocketAddr,
    pub(crate) health: SocketAddr,
    cluster: String,
    ended: Option<ExitStatus>,
}

struct ServerLog {
    lines: Receiver<String>,
    seen: Vec<Line>,
}

/// What came of a review.
#[derive(Debug)]
pub(crate) struct Reviewed {
    pub(crate) answer: Answer,
    /// The body, if it is JSON; otherwise null.
    pub(crate) json: Value,
    /// The lines of the log that came with it, the decision last.
    pub(crate) lines: Vec<Line>,
}

impl Server {
    fn new(program: &Program, child: Child, lines: Receiver<String>) -> Self {
        let mut log = ServerLog { lines, seen: Vec::new() };
        log.until(|line| line.is("listening", "path", "/authenticate"));
        let address = |path: &str| -> SocketAddr {
            let line = log.seen.iter().find(|line| line.is("listening", "path", path));
            line.unwrap_or_else(|| panic!("no line says where {path} is")).text("address").parse().unwrap()
        };
        let (address, health) = (address("/authenticate"), address("/healthz"));
        let certificate = std::fs::read(program.state().join("cert.pem")).unwrap();
        let http = match program.pregenerated {
            true => Http::new(&certificate, &format!("https://localhost:{}/authenticate", address.port())),
            false => Http::from_kubeconfig(&program.kubeconfig()),
        };
        let mut secrets = Secrets::default();
        let key = std::fs::read_to_string(program.state().join("key.pem")).unwrap();
        key.lines().filter(|line| !line.starts_with('-')).for_each(|line| secrets.add(line.as_bytes()));
        Self {
            child,
            log: Mutex::new(log),
            secrets: Mutex::new(secrets),
            http,
            address,
            health,
            cluster: program.cluster.clone().unwrap_or_else(|| CLUSTER.to_owned()),
            ended: None,
        }
    }

    /// A token of this credential for the cluster of the server, signed now.
    pub(crate) fn token(&self, credential: &Credential, host: &str) -> String {
        self.know(credential);
        mint(credential, host, &self.cluster, SystemTime::now())
    }

    /// From now on the secrets of this credential must not turn up.
    pub(crate) fn know(&self, credential: &Credential) {
        let mut secrets = lock(&self.secrets);
        secrets.add(credential.secret_access_key().as_bytes());
        secrets.add(credential.session_token().unwrap_or_default().as_bytes());
    }

    /// From now on this token, and what is secret in it, must not turn up.
    pub(crate) fn know_token(&self, token: &str) {
        lock(&self.secrets).add_token(token);
    }

    /// From now on this text must not turn up.
    pub(crate) fn keep_secret(&self, text: &str) {
        lock(&self.secrets).add(text.as_bytes());
    }

    /// Posts a token as an API server does, in a `TokenReview` of version v1, and takes the lines of the log about it.
    pub(crate) fn review(&self, token: &str) -> Reviewed {
        self.review_in("authentication.k8s.io/v1", token)
    }

    pub(crate) fn review_in(&self, api_version: &str, token: &str) -> Reviewed {
        let answer = self.post(&review(api_version, token));
        let json = serde_json::from_slice(&answer.body).unwrap_or_default();
        Reviewed { answer, json, lines: self.lines_until_decided() }
    }

    /// Posts a body to where the kubeconfig says, as JSON. The log is left alone, so that several threads can do it.
    pub(crate) fn post(&self, body: &Value) -> Answer {
        if let Some(token) = body["spec"]["token"].as_str() {
            self.know_token(token);
        }
        self.http.post(body.to_string())
    }

    /// The lines up to the next one that ends a request.
    pub(crate) fn lines_until_decided(&self) -> Vec<Line> {
        self.lines_until(|line| DECIDED.contains(&line.message()))
    }

    /// The lines that nobody took, up to and with the first that is wanted.
    pub(crate) fn lines_until(&self, wanted: impl Fn(&Line) -> bool) -> Vec<Line> {
        lock(&self.log).until(wanted)
    }

    /// The lines since the start that were taken.
    pub(crate) fn seen(&self) -> Vec<Line> {
        lock(&self.log).seen.clone()
    }

    /// Sends SIGTERM, without waiting for anything.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal, without waiting for anything.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("sh").arg("-c").arg(format!("kill -{name} {pid}")).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the process, which was told to stop, and gives how it ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        lock(&self.log).until_the_end();
        let status = self.child.wait().unwrap();
        self.ended = Some(status);
        status
    }

    /// Ends the process and searches all that it said for secrets.
    fn end(&mut self) {
        if self.ended.is_none() {
            let _ = self.child.kill();
            self.wait();
        }
        let secrets = lock(&self.secrets);
        for line in &lock(&self.log).seen {
            secrets.assert_not_in(line.raw.as_bytes(), "the log");
        }
        for body in self.http.bodies() {
            secrets.assert_not_in(&body, "the body of an answer");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        } else {
            self.end();
        }
    }
}

impl ServerLog {
    fn until(&mut self, wanted: impl Fn(&Line) -> bool) -> Vec<Line> {
        let mut taken = Vec::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("no such line ({error}) in the log: {taken:#?}"));
            let line = Line::parse(&line);
            let found = wanted(&line);
            self.seen.push(line.clone());
            taken.push(line);
            if found {
                return taken;
            }
        }
    }

    fn until_the_end(&mut self) {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.seen.push(Line::parse(&line)),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => panic!("the server does not end"),
            }
        }
    }
}

impl Reviewed {
    /// The line that says what was decided.
    pub(crate) fn decision(&self) -> &Line {
        self.lines.last().unwrap()
    }

    /// The one line with this message.
    pub(crate) fn line(&self, message: &str) -> &Line {
        let mut lines = self.lines.iter().filter(|line| line.message() == message);
        let line = lines.next().unwrap_or_else(|| panic!("no line {message:?} in {:#?}", self.lines));
        assert!(lines.next().is_none(), "more than one line {message:?}");
        line
    }

    pub(crate) fn reason(&self) -> &str {
        self.decision().text("reason")
    }

    /// Let in.
    #[track_caller]
    pub(crate) fn assert_granted(&self, case: &str) {
        assert_eq!(self.answer.status, 200, "{case}: {self:#?}");
        assert_eq!(self.json["status"]["authenticated"], true, "{case}: {self:#?}");
        assert_eq!(self.decision().message(), "access granted", "{case}");
    }

    /// Turned away for good: no `status.error`, so that the API server may remember it.
    #[track_caller]
    pub(crate) fn assert_denied(&self, reason: &str, case: &str) {
        assert_eq!(self.answer.status, 200, "{case}: {self:#?}");
        assert_eq!(self.reason(), reason, "{case}: {self:#?}");
        let kind = json!({"kind": "TokenReview", "apiVersion": self.json["apiVersion"]});
        let status = json!({"authenticated": false});
        assert_eq!(
            self.json,
            json!({"kind": kind["kind"], "apiVersion": kind["apiVersion"], "status": status}),
            "{case}"
        );
        assert_eq!((self.decision().message(), self.decision().level()), ("access denied", "warning"), "{case}");
    }

    /// Not let in, and not for good: `status.error` keeps the API server from remembering it.
    #[track_caller]
    pub(crate) fn assert_error(&self, reason: &str, case: &str) {
        assert_eq!(self.answer.status, 200, "{case}: {self:#?}");
        assert_eq!(self.reason(), reason, "{case}: {self:#?}");
        assert_ne!(self.json["status"]["authenticated"], true, "{case}: {self:#?}");
        assert!(self.json["status"].get("user").is_none(), "{case}: {self:#?}");
        let error = self.json["status"]["error"].as_str().unwrap_or_default();
        assert!(error.starts_with(&format!("{reason}: ")), "{case}: {self:#?}");
        assert_eq!((self.decision().message(), self.decision().level()), ("access denied", "error"), "{case}");
    }
}

/// The body of a review.
pub(crate) fn review(api_version: &str, token: &str) -> Value {
    json!({"apiVersion": api_version, "kind": "TokenReview", "spec": {"token": token}})
}

/// A token of this credential.
pub(crate) fn mint(credential: &Credential, host: &str, cluster: &str, now: SystemTime) -> String {
    let (key, secret) = (credential.access_key_id(), credential.secret_access_key());
    let keys = Credentials::new(key, secret, credential.session_token().map(str::to_owned), None, "test");
    let table = EndpointTable::standard();
    let endpoint = table.find(host).unwrap_or_else(|| panic!("no endpoint {host}"));
    let token = presign(&keys, endpoint, &ClusterId::parse(cluster).unwrap(), now).unwrap();
    token.text().expose().to_owned()
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
