//! Who asks: callers that the fake AWS knows, and their tokens.

use aws_credential_types::Credentials;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use k8s_aws_auth::identity::EndpointTable;
use k8s_aws_auth::presign::{ClusterId, presign};
use k8s_aws_fake::{Credential, FakeAws, Identity};
use std::time::{Duration, SystemTime};

/// The cluster of the benchmark.
pub(crate) const CLUSTER: &str = "against-go.example";
const ACCOUNT: &str = "111122223333";
const HOST: &str = "sts.eu-central-1.amazonaws.com";

/// A token, and what is to come of it.
#[derive(Clone)]
pub(crate) struct Bearer {
    pub(crate) token: String,
    pub(crate) let_in: bool,
}

/// The rules that let the callers in, the last of `mappings` of them: a search that begins at the front has all to pass.
pub(crate) fn map_roles(mappings: usize) -> String {
    let mut yaml = String::from("mapRoles:\n");
    for n in 0..mappings.saturating_sub(2) {
        yaml +=
            &format!("- rolearn: arn:aws:iam::{ACCOUNT}:role/Other{n}\n  username: other-{n}\n  groups: [others]\n");
    }
    yaml += &format!(
        "- rolearn: arn:aws:iam::{ACCOUNT}:role/Callers\n  username: caller:{{{{SessionName}}}}\n  groups: [callers]\n"
    );
    yaml += &format!(
        "- rolearn: arn:aws:iam::{ACCOUNT}:role/Nodes\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n  groups: [system:nodes]\n"
    );
    yaml
}

/// Callers with temporary credentials of the role `Callers`.
pub(crate) fn callers(fake: &FakeAws, how_many: usize) -> Vec<Credential> {
    (0..how_many).map(|n| fake.issue(Identity::assumed_role(ACCOUNT, "Callers", &format!("caller-{n}")))).collect()
}

/// Instances of the role `Nodes`, known to EC2.
pub(crate) fn nodes(fake: &FakeAws, how_many: usize) -> Vec<Credential> {
    let node = |n: usize| {
        let id = format!("i-{:017x}", n + 1);
        let name = format!("ip-10-{}-{}-{}.eu-central-1.compute.internal", n / 65536, n / 256 % 256, n % 256);
        fake.add_instance(k8s_aws_fake::Instance::new(&id, ACCOUNT, "eu-central-1").named(&name));
        fake.issue(Identity::instance_profile(ACCOUNT, "Nodes", &id))
    };
    (0..how_many).map(node).collect()
}

/// The server's own credentials, which may ask EC2.
pub(crate) fn describer(fake: &FakeAws) -> Credential {
    fake.issue(Identity::assumed_role(ACCOUNT, "ControlPlane", "i-00000000000000001"))
}

/// `per_caller` distinct tokens of each caller, one for each second before now.
pub(crate) fn tokens(callers: &[Credential], per_caller: u64) -> Vec<Bearer> {
    let now = SystemTime::now();
    let mut tokens = Vec::with_capacity(callers.len() * per_caller as usize);
    for second in 0..per_caller {
        let bearer = |caller| Bearer { token: token(caller, now - Duration::from_secs(second)), let_in: true };
        tokens.extend(callers.iter().map(bearer));
    }
    tokens
}

/// The same tokens, of which so many in a hundred, evenly spread, are now refused before anybody is asked: they are for a host
/// that is none of STS's.
pub(crate) fn hostile(mut tokens: Vec<Bearer>, percent: usize) -> Vec<Bearer> {
    for (n, bearer) in tokens.iter_mut().enumerate() {
        if n * percent / 100 != (n + 1) * percent / 100 {
            *bearer = Bearer { token: elsewhere(&bearer.token).expect("the token is one"), let_in: false };
        }
    }
    tokens
}

fn elsewhere(token: &str) -> Option<String> {
    let url = URL_SAFE_NO_PAD.decode(token.strip_prefix("k8s-aws-v1.")?).ok()?;
    let url = String::from_utf8(url).ok()?.replace("amazonaws.com", "amazonaws.com.example");
    Some(format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url)))
}

fn token(caller: &Credential, at: SystemTime) -> String {
    let session = caller.session_token().map(str::to_owned);
    let credentials = Credentials::new(caller.access_key_id(), caller.secret_access_key(), session, None, "benchmark");
    let endpoint = EndpointTable::standard().find(HOST).cloned().expect("the host is in the table");
    let cluster = ClusterId::parse(CLUSTER).expect("the id is one");
    let token = presign(&credentials, &endpoint, &cluster, at).expect("the credentials sign");
    token.text().expose().to_owned()
}
