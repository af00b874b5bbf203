//! What is played: three logins and five refusals.

use crate::api_server::{Answer, ApiServer};
use crate::report::{Login, Refusal, StsRequest};
use crate::{Result, WebhookProcess};
use aws_credential_types::Credentials;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use k8s_aws_auth::identity::EndpointTable;
use k8s_aws_auth::presign::{ClusterId, PresignedToken, presign};
use k8s_aws_auth::token::TOKEN_PREFIX;
use k8s_aws_auth::tokenreview::ReviewOutcome;
use k8s_aws_fake::{FakeAws, samples};
use std::time::{Duration, Instant, SystemTime};

/// The id of the demo's cluster; also in `config.yaml`.
pub(crate) const CLUSTER: &str = "demo.example";

/// The messages that end a review in the server's log.
const DECIDED: &[&str] = &["access granted", "access denied"];

/// A caller who is to be let in.
pub(crate) struct LoginScene {
    title: &'static str,
    caller: samples::Sample,
    host: &'static str,
    username: &'static str,
    groups: &'static [&'static str],
}

/// A bad token, and the reason that it is to be refused for.
pub(crate) struct RefusalScene {
    title: &'static str,
    token: String,
    reason: &'static str,
}

pub(crate) fn logins() -> Vec<LoginScene> {
    vec![
        LoginScene {
            title: "an IAM user, by the regional endpoint",
            caller: samples::user(),
            host: "sts.eu-central-1.amazonaws.com",
            username: "alice",
            groups: &["developers"],
        },
        LoginScene {
            title: "a role session, by the global endpoint",
            caller: samples::assumed_role(),
            host: "sts.amazonaws.com",
            username: "developer:carol-example.com",
            groups: &["developers"],
        },
        LoginScene {
            title: "an IAM Identity Center (SSO) role, by a dual-stack endpoint",
            caller: samples::sso_role(),
            host: "sts.us-west-2.api.aws",
            username: "admin:dave-example.com",
            groups: &["system:masters"],
        },
    ]
}

pub(crate) fn refusals() -> Result<Vec<RefusalScene>> {
    let now = SystemTime::now();
    let alice = samples::user();
    let host = "sts.eu-central-1.amazonaws.com";
    let good = mint(&alice, host, CLUSTER, now)?;
    let for_another_cluster = mint(&alice, host, "production.example", now)?;
    let old = mint(&alice, host, CLUSTER, now - Duration::from_secs(20 * 60))?;
    let changed = |from: &str, to: &str| -> Result<String> {
        let encoded = good.text().expose().strip_prefix(TOKEN_PREFIX).ok_or("no prefix")?;
        let url = String::from_utf8(URL_SAFE_NO_PAD.decode(encoded)?)?;
        Ok(format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(url.replace(from, to))))
    };
    Ok(vec![
        RefusalScene {
            title: "made for another cluster",
            token: for_another_cluster.text().expose().to_owned(),
            reason: "sts_signature_mismatch",
        },
        RefusalScene {
            title: "made for another access key than the one that signed it",
            token: changed(alice.credential.access_key_id(), samples::root().credential.access_key_id())?,
            reason: "sts_signature_mismatch",
        },
        RefusalScene { title: "signed 20 minutes ago", token: old.text().expose().to_owned(), reason: "token_expired" },
        RefusalScene {
            title: "a host that only looks like STS",
            token: changed(host, "sts.eu-central-1.amazonaws.com.example")?,
            reason: "token_host_unknown",
        },
        RefusalScene {
            title: "another action of STS",
            token: changed("Action=GetCallerIdentity", "Action=GetSessionToken")?,
            reason: "token_action",
        },
    ])
}

impl LoginScene {
    pub(crate) fn play(self, aws: &FakeAws, webhook: &mut WebhookProcess, api_server: &ApiServer) -> Result<Login> {
        aws.take_calls();
        let started = Instant::now();
        let token = mint(&self.caller, self.host, CLUSTER, SystemTime::now())?;
        let minted_in = started.elapsed();

        let Answer { status, review, took } = api_server.review(token.text().expose())?;
        let log = webhook.lines_until(DECIDED)?;
        let calls = aws.take_calls();
        let field = |message: &str, name: &str| {
            let line = log.iter().find(|line| line["msg"] == message);
            line.and_then(|line| line[name].as_str().map(str::to_owned).or(Some(line[name].to_string())))
        };
        let user = review.user().cloned().unwrap_or_default();
        let identity = field("STS response", "arn").unwrap_or_default();
        let as_meant = status == 200
            && user.username == self.username
            && user.groups == self.groups
            && identity == self.caller.identity.arn()
            && calls.len() == 1
            && calls.iter().all(|call| call.host == self.host);
        Ok(Login {
            title: self.title,
            token_bytes: token.text().expose().len(),
            token_expires_at: token.expires_at(),
            minted_in,
            sts: calls.first().map(|call| StsRequest {
                line: format!("{} https://{}{}", call.method, call.host, call.path),
                cluster: header(call, "x-k8s-aws-id"),
            }),
            sts_took: field("STS answered", "duration_us").and_then(|us| us.parse().ok()).map(Duration::from_micros),
            identity,
            rule: field("access granted", "rule").unwrap_or_default(),
            status,
            user,
            took,
            as_meant,
        })
    }
}

impl RefusalScene {
    pub(crate) fn play(self, aws: &FakeAws, webhook: &mut WebhookProcess, api_server: &ApiServer) -> Result<Refusal> {
        aws.take_calls();
        let Answer { status, review, took } = api_server.review(&self.token)?;
        let log = webhook.lines_until(DECIDED)?;
        let text = |name: &str| log.last().and_then(|line| line[name].as_str()).unwrap_or_default().to_owned();
        let (reason, explanation) = (text("reason"), text("error"));
        let asked_sts = !aws.take_calls().is_empty();
        let denied = *review.outcome() == ReviewOutcome::Denied;
        let as_meant = status == 200 && denied && reason == self.reason && asked_sts == self.reason.starts_with("sts_");
        Ok(Refusal { title: self.title, reason, explanation, asked_sts, status, took, as_meant })
    }
}

fn mint(caller: &samples::Sample, host: &str, cluster: &str, now: SystemTime) -> Result<PresignedToken> {
    let credential = &caller.credential;
    let credentials = Credentials::new(
        credential.access_key_id(),
        credential.secret_access_key(),
        credential.session_token().map(str::to_owned),
        None,
        "demo",
    );
    let table = EndpointTable::standard();
    let endpoint = table.find(host).ok_or("no such STS endpoint")?;
    Ok(presign(&credentials, endpoint, &ClusterId::parse(cluster)?, now)?)
}

fn header(call: &k8s_aws_fake::Call, name: &str) -> String {
    call.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}
