//! The machine: token text in, [`Outcome`] out, and in between whatever the caller has to fetch.
//!
//! ```text
//! begin ─┬─▶ CallSts ──answer / fail / resume──▶ Verified ──map─┬─▶ LookUpInstance ──answer / fail─┐
//!        │                                                      │                                  ▼
//!        └──────────────────────────────────────────────────────┴────────────────────────────▶ Done(Outcome)
//! ```
//!
//! Every state is a value that its method consumes: it cannot be answered twice or out of order.

use crate::outcome::{Authenticated, LookupFailure, Outcome, Refused, Why};
use k8s_aws_identity::{AccountId, ClusterId};
use k8s_aws_mapping::{InstanceLookup, Resolution, Snapshot};
use k8s_aws_sts::{Call, StsRequest, TokenKey, TransportFailure, VerifiedCaller, Verifier, VerifyError};
use std::{sync::Arc, time::SystemTime};

/// Decides who a token's bearer is to Kubernetes. Immutable; share it freely.
#[derive(Clone, Debug)]
pub struct Authenticator {
    verifier: Verifier,
    scrubbed: Scrubbed,
}

/// The accounts whose callers' identities are kept out of answers and logs.
type Scrubbed = Arc<[AccountId]>;

impl Authenticator {
    /// An authenticator that verifies with this verifier.
    pub fn new(verifier: Verifier) -> Self {
        Self { verifier, scrubbed: Arc::new([]) }
    }

    /// Keeps the identities of these accounts' callers out of the answers: their `uid` becomes
    /// `aws-iam-authenticator:administrative:<username>` and `extra` stays empty. See also [`Authenticated::scrubbed`].
    #[must_use]
    pub fn with_scrubbed_accounts(mut self, accounts: impl IntoIterator<Item = AccountId>) -> Self {
        self.scrubbed = accounts.into_iter().collect();
        self
    }

    /// The verifier.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Starts to authenticate the bearer of `token` for `cluster`, the cluster that the caller speaks for.
    ///
    /// What can be refused without asking anybody is [`Step::Done`] at once.
    pub fn begin(&self, token: impl AsRef<[u8]>, cluster: &ClusterId, now: SystemTime) -> Step {
        match self.verifier.begin(token, cluster, now) {
            Ok(call) => Step::CallSts(Box::new(CallSts { call, scrubbed: self.scrubbed.clone() })),
            Err(error) => Step::refused(Why::Verify(error)),
        }
    }
}

/// What has to happen next.
///
/// Exhaustive on purpose: a driver that does not know a step cannot finish a login, so a new one is a breaking change.
#[derive(Debug)]
#[must_use]
pub enum Step {
    /// Ask STS, or take over what STS said of the same token before.
    CallSts(Box<CallSts>),
    /// Ask EC2 for the private DNS name of an instance.
    LookUpInstance(Box<LookUpInstance>),
    /// It is decided.
    Done(Box<Outcome>),
}

impl Step {
    /// Refused before anybody vouched for a caller.
    pub(crate) fn refused(why: Why) -> Self {
        Self::Done(Box::new(Outcome::Refused(Refused::new(why, None))))
    }
}

/// STS has to be asked.
#[derive(Debug)]
pub struct CallSts {
    call: Call,
    scrubbed: Scrubbed,
}

impl CallSts {
    /// The request to send.
    pub fn request(&self) -> StsRequest {
        self.call.request()
    }

    /// What an identity cache and calls in flight are keyed by.
    pub fn key(&self) -> &TokenKey {
        self.call.key()
    }

    /// The call itself, for what is known of the token.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// STS answered.
    pub fn answer<B: AsRef<[u8]>>(self, answer: &http::Response<B>) -> Verified {
        Verified { result: self.call.finish(answer), scrubbed: self.scrubbed }
    }

    /// No answer came.
    pub fn fail(self, failure: TransportFailure) -> Verified {
        Verified { result: Err(VerifyError::Transport { failure }), scrubbed: self.scrubbed }
    }

    /// Takes over what another call for the same token and cluster came to: out of a cache, or of the one call that was
    /// in flight already. A caller that belongs to another token or cluster is refused.
    pub fn resume(self, result: Result<VerifiedCaller, VerifyError>) -> Verified {
        Verified { result: result.and_then(|caller| self.call.resume(caller)), scrubbed: self.scrubbed }
    }
}

/// STS's part is over.
#[derive(Debug)]
#[must_use]
pub struct Verified {
    result: Result<VerifiedCaller, VerifyError>,
    scrubbed: Scrubbed,
}

impl Verified {
    /// What STS's part came to: to be put into a cache, or handed to those who wait for the same call.
    pub fn result(&self) -> &Result<VerifiedCaller, VerifyError> {
        &self.result
    }

    /// Maps the caller by the rules as they are now. Mappings are never cached: a removal takes effect at once.
    pub fn map(self, mappings: &Snapshot) -> Step {
        match self.result {
            Err(error) => Step::refused(Why::Verify(error)),
            Ok(caller) => {
                let scrubbed = self.scrubbed.contains(&caller.account());
                settle(mappings.resolve(&caller), caller, scrubbed)
            }
        }
    }
}

/// EC2 has to be asked.
#[derive(Debug)]
pub struct LookUpInstance {
    lookup: InstanceLookup,
    caller: VerifiedCaller,
    scrubbed: bool,
}

impl LookUpInstance {
    /// Which instance, of which account.
    pub fn lookup(&self) -> &InstanceLookup {
        &self.lookup
    }

    /// EC2 told the instance's owner and private DNS name; an empty name is that of an instance that has none yet.
    ///
    /// An instance of another account than the caller's is not the caller: whoever may assume a role can call the session by
    /// the id of somebody else's instance.
    pub fn answer(self, owner: AccountId, private_dns_name: &str) -> Step {
        if owner != self.caller.account() {
            return self.fail(LookupFailure::OtherAccount);
        }
        settle(self.lookup.resume(private_dns_name), self.caller, self.scrubbed)
    }

    /// The name could not be had.
    pub fn fail(self, failure: LookupFailure) -> Step {
        turn_away(Why::Lookup(failure), self.caller, self.scrubbed)
    }
}

fn settle(resolution: Resolution, caller: VerifiedCaller, scrubbed: bool) -> Step {
    match resolution {
        Resolution::Mapped(user) => {
            Step::Done(Box::new(Outcome::Authenticated(Authenticated::new(user, caller, scrubbed))))
        }
        Resolution::Needs(lookup) => Step::LookUpInstance(Box::new(LookUpInstance { lookup, caller, scrubbed })),
        Resolution::NotMapped(refusal) => turn_away(Why::NotMapped(refusal), caller, scrubbed),
        Resolution::Unavailable(refusal) => turn_away(Why::Unmappable(refusal), caller, scrubbed),
    }
}

/// Refused although STS vouched for the caller.
fn turn_away(why: Why, caller: VerifiedCaller, scrubbed: bool) -> Step {
    Step::Done(Box::new(Outcome::Refused(Refused::new(why, Some((caller, scrubbed))))))
}
