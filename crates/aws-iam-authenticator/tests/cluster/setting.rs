//! The cluster: etcd, the API server, the webhook, AWS, and those who log in.

use crate::api::Api;
use crate::support::{Line, Program, Server};
use k8s_aws_fake::samples::{ACCOUNT, REGION};
use k8s_aws_fake::{Credential, FakeAws, Identity, Role, samples};
use kubernetes_fake::RealKubernetes;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// The cluster id of docs/deploy.
pub(crate) const CLUSTER: &str = "production.example.com";
/// The backends that ask the API server, behind the one that does not.
const MODES: &str = "--backend-mode=MountedFile,EKSConfigMap,CRD";
const PROGRAM: &str = env!("CARGO_BIN_EXE_aws-iam-authenticator");

pub(crate) struct Cluster {
    /// The webhook.
    pub(crate) server: Server,
    pub(crate) api: Api,
    pub(crate) kubernetes: RealKubernetes,
    pub(crate) aws: FakeAws,
    program: Program,
    desk: TempDir,
}

/// What came of the first use of a token.
pub(crate) struct Login {
    pub(crate) status: u16,
    pub(crate) answer: Value,
    /// The line of the webhook's log that says what it decided.
    pub(crate) decision: Line,
}

impl Cluster {
    /// The webhook runs, as a static pod would, and nobody has started the API server yet. The webhook's own token is one that the
    /// API server will not know.
    pub(crate) fn new(assets: &Path) -> Self {
        let aws = FakeAws::start().unwrap();
        for role in ["KubernetesBreakGlass", "KubernetesAdmins", "KubernetesViewers"] {
            aws.add_role(Role::new(ACCOUNT, role).trusts(employee().identity.arn()));
        }
        let kubernetes = RealKubernetes::prepare(assets);
        let desk = tempfile::tempdir().unwrap();
        let file = |name: &str| desk.path().join(name);
        let account = json!({"tokenFile": file("account")});
        for (name, text) in [
            ("account", "not-there-yet"),
            ("client.yaml", &kubernetes.kubeconfig_of(&account)),
            ("ADMIN", &kubernetes.kubeconfig()),
            ("ca.crt", kubernetes.ca_pem()),
        ] {
            fs::write(file(name), text).unwrap();
        }
        fs::create_dir(file("bin")).unwrap();
        std::os::unix::fs::symlink(PROGRAM, file("bin/aws-iam-authenticator")).unwrap();
        let config = manifest("manifests/config.yaml");
        let config = config[0]["data"]["config.yaml"].as_str().unwrap();
        let (_, section) = config.split_once("\nserver:\n").unwrap();
        let section: String = section.lines().map(|line| format!("{}\n", line.strip_prefix("  ").unwrap())).collect();
        let own = aws.issue(Identity::assumed_role(ACCOUNT, "KubernetesControlPlane", "server"));
        let program = own.env().iter().fold(Program::new(), |program, (name, value)| program.variable(name, value));
        let program = program.cluster(CLUSTER).configured(&section).variable("AWS_REGION", REGION).argument(MODES);
        let program = program.argument(&format!("--kubeconfig={}", file("client.yaml").display()));
        let server = program.start(&aws);
        server.know(&own);
        server.know(&employee().credential);
        Self { server, api: Api::new(&kubernetes), kubernetes, aws, program, desk }
    }

    /// Starts the API server with the arguments of docs/deploy/kubeadm.
    pub(crate) fn start_api_server(&mut self) {
        let config = manifest("kubeadm/config.yaml");
        let kubeconfig = self.program.kubeconfig().display().to_string();
        let argument = |argument: &Value| {
            let value = argument["value"].as_str().unwrap();
            let value = value.replace("/etc/kubernetes/aws-iam-authenticator/kubeconfig.yaml", &kubeconfig);
            format!("--{}={value}", argument["name"].as_str().unwrap())
        };
        let arguments = config[0]["apiServer"]["extraArgs"].as_array().unwrap();
        self.kubernetes.start_api_server(&arguments.iter().map(argument).collect::<Vec<_>>());
    }

    /// Starts the webhook where it was, with the certificate that it has.
    pub(crate) fn start_webhook_again(&mut self) {
        let program = std::mem::replace(&mut self.program, Program::new());
        self.program = program.argument(&format!("--port={}", self.server.address.port()));
        self.server = self.program.start(&self.aws);
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.desk.path().join(name)
    }

    pub(crate) fn admin(&self) -> &str {
        self.kubernetes.admin_token()
    }

    /// Runs this in a shell, on a desk with the program on the PATH, the API server's `ca.crt` and the kubeconfig `ADMIN`, as the
    /// holder of this credential.
    pub(crate) fn run(&self, script: &str, credential: &Credential) -> Output {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command.args(["-euc", script]).current_dir(self.desk.path()).env_clear();
        command.env("PATH", format!("{}:{path}", self.file("bin").display())).env("HOME", self.desk.path());
        command.envs(self.aws.env()).envs(credential.env()).env("AWS_REGION", "eu-central-1");
        // The API server is not behind AWS's proxy.
        command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1").output().unwrap()
    }

    /// The same, which has to end well: its standard output.
    #[track_caller]
    pub(crate) fn runs(&self, script: &str, credential: &Credential) -> String {
        let output = self.run(script, credential);
        assert!(output.status.success(), "{script}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A token that `aws-iam-authenticator token` makes, with these arguments.
    #[track_caller]
    pub(crate) fn token(&self, credential: &Credential, arguments: &str) -> String {
        self.server.know(credential);
        let token = self.runs(&format!("aws-iam-authenticator token --token-only {arguments}"), credential);
        self.server.know_token(token.trim());
        token.trim().to_owned()
    }

    /// A token of this identity: another one each time, so that the API server has to ask.
    #[track_caller]
    pub(crate) fn token_of(&self, identity: Identity) -> String {
        self.token(&self.aws.issue(identity), &format!("-i {CLUSTER}"))
    }

    /// A token of a session of a role that the employee assumes: another one each time.
    #[track_caller]
    pub(crate) fn token_as(&self, role: &str, session: &str) -> String {
        let role = format!("-i {CLUSTER} -r arn:aws:iam::{ACCOUNT}:role/{role} -s {session}");
        self.token(&employee().credential, &role)
    }

    /// Asks the API server who the bearer is, which it does not know yet.
    pub(crate) fn login(&self, token: &str) -> Login {
        let (status, answer) = self.api.whoami(token);
        let decision = self.server.lines_until_decided().pop().unwrap();
        Login { status, answer, decision }
    }

    /// Takes the lines of the webhook's log about logins that nobody counted, such as kubectl's.
    pub(crate) fn catch_up(&self) {
        let last = self.token_as("KubernetesBreakGlass", "last");
        assert_eq!(self.api.whoami(&last).0, 201);
        self.server.lines_until(|line| line.is("access granted", "username", "break-glass:last"));
    }

    /// Waits until the webhook has so many rules of a backend.
    pub(crate) fn loaded(&self, backend: &str, rules: u64) {
        self.server.lines_until(|line| {
            line.is("loaded the mappings of the API server", "backend", backend) && line.fields["rules"] == rules
        });
    }

    /// Waits for a line about both backends that ask the API server.
    pub(crate) fn told_of_both(&self, message: &str) {
        let mut backends = vec!["EKSConfigMap", "CRD"];
        while !backends.is_empty() {
            let lines = self.server.lines_until(|line| line.message() == message);
            backends.retain(|backend| !lines.iter().any(|line| line.is(message, "backend", backend)));
        }
    }
}

impl Login {
    /// Let in as this user.
    #[track_caller]
    pub(crate) fn is(&self, username: &str) -> &Value {
        assert_eq!(self.status, 201, "{}: {:?}", self.answer, self.decision);
        assert_eq!(self.decision.message(), "access granted");
        let user = &self.answer["status"]["userInfo"];
        assert_eq!(user["username"], username);
        user
    }

    /// What clients call Unauthorized, for this reason.
    #[track_caller]
    pub(crate) fn is_unauthorized(&self, reason: &str) {
        let unauthorized = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": "Unauthorized",
            "reason": "Unauthorized",
            "code": 401,
        });
        assert_eq!((self.status, &self.answer), (401, &unauthorized), "{:?}", self.decision);
        assert_eq!(self.decision.text("reason"), reason);
    }
}

/// Whom the roles trust.
pub(crate) fn employee() -> samples::Sample {
    samples::user_with_path()
}

/// The objects of a file of docs/deploy.
pub(crate) fn manifest(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/deploy").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_yaml::Deserializer::from_str(&text).map(|document| Value::deserialize(document).unwrap()).collect()
}
