//! Tokens that other programs made, all the way: gate, request, a signature check that is nobody's of these, mapping, answer.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests of a program: files, sockets, processes"
)]

mod support;

use http::{Request, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use k8s_aws_auth::Authenticator;
use k8s_aws_auth::identity::{ClusterId, Partition};
use k8s_aws_auth::mapping::{Backend, BackendMode, Options, ServerConfig, Snapshot};
use k8s_aws_auth::sts::{Policy, Verifier};
use k8s_aws_auth::tokenreview::ExecCredential;
use k8s_aws_auth_hyper::HttpsTransport;
use k8s_aws_auth_tower::{Driver, Webhook};
use k8s_aws_fake::{Credential, FakeAws, FakeClock, Identity, Outcome, samples};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::{Program, Server};

const ACCOUNT: &str = "111122223333";
const MAPPINGS: &str = "mapAccounts: ['111122223333']";

/// A token, and what it was made from.
struct Row {
    name: String,
    generator: String,
    token: String,
    cluster: String,
    partition: String,
    host: String,
    at: SystemTime,
    credential: Credential,
    identity: Identity,
}

impl Row {
    fn all() -> Vec<Self> {
        let file = include_str!("../../k8s-aws-token/tests/vectors/generators.json");
        let file: Value = serde_json::from_str(file).unwrap();
        let rows: Vec<Self> = file["rows"].as_array().unwrap().iter().enumerate().map(Self::new).collect();
        assert!(rows.len() >= 100, "{} rows", rows.len());
        rows
    }

    fn new((number, row): (usize, &Value)) -> Self {
        let text = |name: &str| row[name].as_str().unwrap_or_else(|| panic!("{name} in {row}")).to_owned();
        let (key, secret) = (text("access_key_id"), text("secret_access_key"));
        let credential = match row["session_token"].as_str() {
            None | Some("") => Credential::permanent(&key, &secret),
            Some(token) => Credential::temporary(&key, &secret, token),
        };
        let identity = Identity::assumed_role(ACCOUNT, "oracle", &format!("row-{number}"));
        Self {
            name: format!("{}: {} ({})", text("generator"), text("name"), text("version")),
            generator: text("generator"),
            token: text("token"),
            cluster: text("cluster_id"),
            identity: identity.in_partition(&text("partition")),
            partition: text("partition"),
            host: text("host"),
            at: UNIX_EPOCH + Duration::from_secs(row["unix_time"].as_u64().unwrap()),
            credential,
        }
    }

    /// The answer that this row is to have.
    fn check(&self, answer: &Value) {
        let status = &answer["status"];
        assert_eq!(status["authenticated"], true, "{}: {answer}", self.name);
        let username = format!("arn:{}:iam::{ACCOUNT}:role/oracle", self.partition);
        assert_eq!(status["user"]["username"], username, "{}", self.name);
        assert_eq!(status["user"]["extra"]["arn"], json!([self.identity.arn()]), "{}", self.name);
        assert_eq!(status["user"]["extra"]["accessKeyId"], json!([self.credential.access_key_id()]), "{}", self.name);
    }
}

/// A fake AWS that stands still, and what it is told before each row.
fn fake_at(row: &Row, fake: &FakeAws) {
    fake.clock().set(row.at);
    fake.add(row.credential.clone(), row.identity.clone());
    fake.take_calls();
}

fn check_call(row: &Row, fake: &FakeAws) {
    let calls = fake.take_calls();
    let [call] = &calls[..] else { panic!("{}: {calls:?}", row.name) };
    assert_eq!(call.outcome, Outcome::Accepted { arn: row.identity.arn().to_owned() }, "{}", row.name);
    assert_eq!(call.host, row.host, "{}", row.name);
}

#[tokio::test]
async fn the_tokens_of_every_generator_log_their_bearers_in() {
    let fake = FakeAws::builder().clock(&FakeClock::fixed(UNIX_EPOCH)).start().unwrap();
    let transport = HttpsTransport::builder()
        .crypto_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .roots_pem(fake.ca_pem().as_bytes())
        .and_then(|builder| builder.proxy(&fake.proxy_url(), "")?.build())
        .unwrap();
    let config = ServerConfig::parse(&format!("server:\n  {MAPPINGS}\n"));
    let mappings = Snapshot::new([Backend::synced(BackendMode::MountedFile, config.document)], Options::default());
    for row in Row::all() {
        fake_at(&row, &fake);
        let policy = Policy::new(Partition::parse(&row.partition).unwrap());
        let (at, mappings) = (row.at, mappings.clone());
        let driver =
            Driver::builder(Authenticator::new(Verifier::new(policy)), transport.clone(), move || mappings.clone())
                .clock(move || at)
                .build();
        let webhook = Webhook::new(driver, ClusterId::parse(&row.cluster).unwrap());
        let body = support::review("authentication.k8s.io/v1", &row.token).to_string();
        let request = Request::post("/authenticate").header(CONTENT_TYPE, "application/json");
        let answer = webhook.review(request.body(Full::<bytes::Bytes>::from(body)).unwrap()).await;
        assert_eq!(answer.status(), 200, "{}", row.name);
        let answer = answer.into_body().collect().await.unwrap().to_bytes();
        row.check(&serde_json::from_slice(&answer).unwrap());
        check_call(&row, &fake);
    }
}

/// Where Debian's and others' `faketime` packages put the library.
const FAKETIME: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
];

#[test]
fn the_server_program_lets_in_who_has_a_token_of_the_aws_cli() {
    let Some(library) = FAKETIME.into_iter().find(|path| Path::new(path).exists()) else {
        println!("skipped: libfaketime is not installed (Debian: apt-get install faketime)");
        return;
    };
    let fake = FakeAws::builder().clock(&FakeClock::fixed(UNIX_EPOCH)).start().unwrap();
    let mut rows: Vec<Row> = Row::all().into_iter().filter(|row| row.generator == "aws eks get-token").collect();
    assert!(rows.len() >= 20, "{} rows", rows.len());
    let group = |row: &Row| (row.at, row.cluster.clone(), row.partition.clone());
    rows.sort_by_key(group);
    for rows in rows.chunk_by(|a, b| group(a) == group(b)) {
        let seconds = rows[0].at.duration_since(UNIX_EPOCH).unwrap().as_secs();
        let program = Program::new()
            .cluster(&rows[0].cluster)
            .configured(MAPPINGS)
            .configured(&format!("partition: {}", rows[0].partition))
            .variable("LD_PRELOAD", library)
            .variable("FAKETIME", &seconds.to_string())
            .variable("FAKETIME_FMT", "%s")
            .variable("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .variable("TZ", "UTC");
        let server = program.start(&fake);
        for row in rows {
            fake_at(row, &fake);
            server.know(&row.credential);
            let reviewed = server.review(&row.token);
            assert_eq!(reviewed.answer.status, 200, "{}", row.name);
            row.check(&reviewed.json);
            check_call(row, &fake);
            let time = k8s_aws_auth::identity::AmzDate::from_time(row.at).unwrap().to_string();
            let logged: String = reviewed.decision().text("time").chars().filter(|c| !"-:".contains(*c)).collect();
            assert_eq!(logged, time, "{}: the server's clock does not stand still", row.name);
        }
    }
}

/// The AWS CLI itself, now. `oracle/eks-get-token.sh` installs it and runs this.
#[test]
#[ignore = "needs the AWS CLI: run oracle/eks-get-token.sh"]
fn the_aws_cli_of_today_logs_its_user_in() {
    let aws = std::env::var("AWS_CLI").expect("AWS_CLI says where the AWS CLI is");
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(MAPPINGS).start(&fake);
    let run = |sample: &samples::Sample, arguments: &[&str]| {
        let mut command = Command::new(&aws);
        command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let output = command.envs(fake.env()).envs(sample.credential.env()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    print!("{}", run(&samples::user(), &["--version"]));
    for sample in [samples::user(), samples::assumed_role(), samples::federated_user(), samples::instance_profile()] {
        let went = log_in(&server, &fake, &sample, |region, cluster| {
            run(&sample, &["eks", "get-token", "--cluster-name", cluster, "--region", region])
        });
        println!("{went}");
    }
}

fn log_in(
    server: &Server,
    fake: &FakeAws,
    sample: &samples::Sample,
    get_token: impl Fn(&str, &str) -> String,
) -> String {
    let region = "eu-central-1";
    fake.take_calls();
    let printed = get_token(region, support::CLUSTER);
    let credential = ExecCredential::from_slice(printed.trim().as_bytes()).expect("an ExecCredential");
    server.know(&sample.credential);
    let reviewed = server.review(credential.token().expose());
    reviewed.assert_granted(sample.name);
    let user = &reviewed.json["status"]["user"];
    assert_eq!(user["extra"]["arn"], json!([sample.identity.arn()]));
    format!(
        "{}: aws eks get-token --region {region} printed {}; {} request to {}; user {}",
        sample.name,
        credential.version(),
        fake.take_calls().len(),
        reviewed.line("STS response").text("stsendpoint"),
        user["username"],
    )
}
