//! A whole login over an HTTP client that the program has already, by functions: from a token to username and groups, with a node
//! whose name is looked up in EC2.
//!
//! The clients and AWS are made up here (`k8s-aws-fake`), so that it runs anywhere: `cargo run --example closures`.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a program: it reads the clock and prints")]

use aws_credential_types::Credentials;
use bytes::Bytes;
use k8s_aws_auth::ec2::{self, Ec2Endpoint, EndpointKind, InstanceId, Region};
use k8s_aws_auth::mapping::{Backend, BackendMode, Document, Options, Snapshot};
use k8s_aws_auth::sts::{ClusterId, Partition, Policy, StsRequest, TransportFailure, Verifier};
use k8s_aws_auth::{Authenticator, LookupFailure, Outcome};
use k8s_aws_auth_reqwest::ReqwestTransport;
use k8s_aws_fake::{FakeAws, samples};
use std::error::Error;
use std::time::SystemTime;

const ROLES: &str = "
- {rolearn: 'arn:aws:iam::111122223333:role/developer', username: 'dev:{{SessionName}}', groups: [developers]}
- {rolearn: 'arn:aws:iam::111122223333:role/worker-node', username: 'system:node:{{EC2PrivateDNSName}}', groups: [system:nodes]}
";

struct Logins {
    authenticator: Authenticator,
    rules: Snapshot,
    cluster: ClusterId,
    transport: ReqwestTransport,
    /// The program's own credentials: they may call `ec2:DescribeInstances`.
    own: Credentials,
    ec2: Ec2Endpoint,
}

impl Logins {
    async fn of(&self, token: &str) -> Box<Outcome> {
        let first = self.authenticator.begin(token, &self.cluster, SystemTime::now());
        k8s_aws_auth::drive(
            first,
            || self.rules.clone(),
            async |request: StsRequest| {
                let answer = self.transport.send(request.into_http().map(|()| Bytes::new())).await;
                answer.map_err(|_| TransportFailure::Unreachable)
            },
            async |id| self.instance(&id).await,
        )
        .await
    }

    async fn instance(&self, id: &InstanceId) -> Result<(ec2::AccountId, String), LookupFailure> {
        k8s_aws_auth::look_up_instance(id, &self.own, &self.ec2, SystemTime::now(), async |request: ec2::Ec2Request| {
            let answer = self.transport.send(request.into_http().map(Bytes::from)).await;
            answer.map_err(|_| ec2::TransportFailure::Unreachable)
        })
        .await
    }
}

fn keys(sample: &samples::Sample) -> Credentials {
    let key = &sample.credential;
    let session_token = key.session_token().map(str::to_owned);
    Credentials::new(key.access_key_id(), key.secret_access_key(), session_token, None, "example")
}

fn main() -> Result<(), Box<dyn Error>> {
    let aws = FakeAws::builder().instance(samples::instance()).start()?;
    // With the real AWS: `ReqwestTransport::builder().from_env()?`. Answers of EC2 are longer than those of STS.
    let transport = ReqwestTransport::builder()
        .crypto_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .roots_pem(aws.ca_pem().as_bytes())?
        .proxy(&aws.proxy_url(), "")?
        .max_body(ec2::MAX_ANSWER_LEN)
        .build()?;
    let document = Document::from_aws_auth([("mapRoles", ROLES)]);
    let logins = Logins {
        authenticator: Authenticator::new(Verifier::new(Policy::new(Partition::Aws))),
        rules: Snapshot::new([Backend::synced(BackendMode::EksConfigMap, document)], Options::default()),
        cluster: ClusterId::parse("production")?,
        transport,
        own: keys(&samples::assumed_role()),
        ec2: Ec2Endpoint::new(Partition::Aws, &Region::parse(samples::REGION)?, EndpointKind::Regional)?,
    };

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for (sample, expected) in [
        (samples::assumed_role(), "dev:carol-example.com"),
        (samples::instance_profile(), "system:node:ip-10-0-0-1.eu-west-1.compute.internal"),
        (samples::root(), "not_mapped"),
    ] {
        let token = k8s_aws_auth::mint(&keys(&sample), samples::REGION, "production", SystemTime::now())?;
        let outcome = runtime.block_on(logins.of(token.text().expose()));
        let told = match &*outcome {
            Outcome::Authenticated(granted) => granted.user().username.as_str(),
            Outcome::Refused(refused) => refused.reason(),
        };
        println!("{} is {told}", sample.identity.arn());
        assert_eq!(told, expected);
    }
    // Such a login is one that a server may spawn.
    fn spawnable(_: impl Send) {}
    spawnable(logins.of(""));
    Ok(())
}
