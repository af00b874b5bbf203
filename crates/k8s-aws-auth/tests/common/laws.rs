//! What holds for a whole review, whatever the API server's body and STS's answer are. The fuzz target and the replay of its
//! seeds feed it.

use k8s_aws_auth::identity::{AccountId, ClusterId, EndpointTable, Partition};
use k8s_aws_auth::mapping::{Backend, BackendMode, Options, ServerConfig, Snapshot};
use k8s_aws_auth::sts::{Policy, Verifier};
use k8s_aws_auth::tokenreview::{Audiences, ReviewOutcome, TokenReviewResponse};
use k8s_aws_auth::{Authenticator, LookupFailure, Outcome, Review, Step};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) const CONFIG: &str = "server:
  mapUsers:
  - {userarn: 'arn:aws:iam::123456789012:user/alice', username: alice, groups: [dev]}
  mapRoles:
  - {rolearn: 'arn:aws:iam::123456789012:role/node', username: 'system:node:{{EC2PrivateDNSName}}', groups: [system:nodes]}
  - {rolearn: 'arn:aws:iam::123456789012:role/dev', username: 'dev:{{SessionName}}', groups: ['team:{{AccountID}}']}
  mapAccounts: ['210987654321']
";
/// Between the body of the review and STS's answer.
pub(crate) const CUT: &[u8] = b"\n--\n";

static AUTHENTICATOR: LazyLock<Authenticator> =
    LazyLock::new(|| Authenticator::new(Verifier::new(Policy::new(Partition::Aws))));
static TABLE: LazyLock<EndpointTable> = LazyLock::new(EndpointTable::standard);
static MAPPINGS: LazyLock<Snapshot> = LazyLock::new(|| {
    let document = ServerConfig::parse(CONFIG).document;
    Snapshot::new([Backend::synced(BackendMode::MountedFile, document)], Options::default())
});

pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_781_526_896)
}

/// A status, a blank, a content type, a line break and a body, as STS's answer.
fn answer(bytes: &[u8]) -> Option<http::Response<Vec<u8>>> {
    let line_end = bytes.iter().position(|b| *b == b'\n')?;
    let (status, content_type) = std::str::from_utf8(&bytes[..line_end]).ok()?.split_once(' ')?;
    let response = http::Response::builder().status(status.parse::<u16>().ok()?).header("content-type", content_type);
    response.body(bytes[line_end + 1..].to_vec()).ok()
}

/// What a review came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// The body was no `TokenReview`.
    NoReview,
    /// Refused, STS asked or not.
    Refused { asked: bool },
    /// Somebody was let in.
    In,
}

/// Plays a review through to its answer.
pub(crate) fn review(bytes: &[u8]) -> Came {
    let cut = bytes.windows(CUT.len()).position(|window| window == CUT).unwrap_or(bytes.len());
    let (body, answer_bytes) = (&bytes[..cut], bytes.get(cut + CUT.len()..).unwrap_or_default());
    let cluster = ClusterId::parse("production").expect("a cluster id");
    let review = match Review::begin(&AUTHENTICATOR, &Audiences::default(), body, &cluster, now()) {
        Ok(review) => review,
        Err(error) => {
            assert!(matches!(error.http_status(), 400 | 413), "{error}");
            return Came::NoReview;
        }
    };
    let answer = answer(answer_bytes);
    let mut step = review.step;
    let mut asked = false;
    let outcome = loop {
        step = match step {
            Step::CallSts(call) => {
                assert!(!asked, "STS is asked once");
                asked = true;
                let request = call.request().into_http();
                let host = request.uri().host().expect("a host");
                let endpoint = TABLE.find(host).expect("a host of the table");
                assert_eq!((endpoint.partition(), request.uri().scheme_str()), (Partition::Aws, Some("https")));
                assert_eq!(request.headers()["x-k8s-aws-id"], "production");
                match &answer {
                    Some(answer) => call.answer(answer).map(&MAPPINGS),
                    None => call.fail(k8s_aws_auth::sts::TransportFailure::Timeout).map(&MAPPINGS),
                }
            }
            Step::LookUpInstance(lookup) => {
                assert!(asked, "EC2 is asked about callers whom STS vouched for");
                let owner = AccountId::parse("123456789012").expect("an account");
                match answer_bytes.len() % 3 {
                    0 => lookup.fail(LookupFailure::NotConfigured),
                    1 => lookup.answer(owner, ""),
                    _ => lookup.answer(owner, "ip-10-0-0-1.internal"),
                }
            }
            Step::Done(outcome) => break outcome,
        }
    };
    let response = review.reply.answer(&outcome);
    let json = response.to_json();
    assert_eq!(TokenReviewResponse::from_slice(&json).as_ref(), Ok(&response), "an API server reads it");
    assert!(json.len() < 16 * 1024);
    match (&*outcome, response.outcome()) {
        (Outcome::Authenticated(granted), ReviewOutcome::Authenticated { user, .. }) => {
            assert!(asked && answer.is_some_and(|answer| answer.status() == 200), "STS vouched for nobody");
            assert_eq!(granted.user(), user);
            let known = ["alice", "system:node:ip-10-0-0-1.internal"].contains(&&*user.username)
                || user.username.starts_with("dev:")
                || user.username.starts_with("arn:aws:iam::210987654321:");
            assert!(known && !user.username.contains(char::is_control), "{}", user.username);
            assert!(user.groups.iter().all(|g| ["dev", "system:nodes", "team:123456789012"].contains(&&**g)));
            Came::In
        }
        (Outcome::Refused(refused), outcome) => {
            let is_denied = matches!(outcome, ReviewOutcome::Denied);
            assert_eq!(is_denied, refused.is_definite(), "only what is definite is remembered");
            assert!(!is_denied || !asked || answer.is_some(), "silence is not definite");
            Came::Refused { asked }
        }
        other => panic!("{other:?}"),
    }
}
