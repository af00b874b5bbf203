//! What a transport to AWS has to do, as tests that any transport can be put through.
//!
//! A verifier's promises hold only if whoever carries its requests follows no redirects, verifies TLS, sends exactly what it was
//! given, sends nothing twice, gives up in time and stops at a size. [`transport_conformance!`](crate::transport_conformance)
//! makes one `#[test]` of each of these rules, and
//! [`transport_environment!`](crate::transport_environment) those about the environment. They are run against each transport of this
//! family, and can be run against yours:
//!
//! ```
//! use k8s_aws_fake::conformance::{Failure, Kind, Sender, Settings};
//!
//! # struct MyTransport;
//! # struct MyError;
//! # impl std::fmt::Debug for MyError { fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { Ok(()) } }
//! # impl std::fmt::Display for MyError { fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { Ok(()) } }
//! # impl std::error::Error for MyError {}
//! # impl MyTransport {
//! #     fn new(_: &Settings) -> Self { Self }
//! #     fn send(&self, _: http::Request<bytes::Bytes>) -> Result<http::Response<bytes::Bytes>, MyError> { Err(MyError) }
//! # }
//! fn make(settings: &Settings) -> Sender {
//!     let transport = MyTransport::new(settings); // an asynchronous one: with a runtime, and `block_on` below
//!     Box::new(move |request| transport.send(request).map_err(|error| Failure::of(Kind::Connect, &error)))
//! }
//!
//! k8s_aws_fake::transport_conformance!(make);
//! # fn main() {}
//! ```

mod environment;
mod rules;

pub use environment::*;
pub use rules::*;

use crate::FakeAws;
use bytes::Bytes;
use std::error::Error;
use std::time::Duration;

/// How a rule wants the transport.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The CA certificates to trust, and no others, in PEM.
    pub ca_pem: String,
    /// The URL of the proxy for all hosts but those of [`no_proxy`](Self::no_proxy), if there is one.
    pub proxy: Option<String>,
    /// Whom not to reach through the proxy, as in the variable `NO_PROXY`.
    pub no_proxy: String,
    /// The longest that connecting may take.
    pub connect_timeout: Duration,
    /// The longest that one exchange may take, connecting and the body included.
    pub timeout: Duration,
    /// The most bytes of an answer's body.
    pub max_body: usize,
}

impl Settings {
    /// Through the proxy of a fake, with its CA, limits of a minute that no rule reaches, and 64 KiB.
    pub fn proxied(fake: &FakeAws) -> Self {
        Self { proxy: Some(fake.proxy_url()), ..Self::direct(fake) }
    }

    /// As [`proxied`](Self::proxied), without a proxy.
    pub fn direct(fake: &FakeAws) -> Self {
        let minute = Duration::from_secs(60);
        Self {
            ca_pem: fake.ca_pem().to_owned(),
            proxy: None,
            no_proxy: String::new(),
            connect_timeout: minute,
            timeout: minute,
            max_body: 64 * 1024,
        }
    }
}

/// A transport that was made to some [`Settings`]: it sends a request and waits for the whole answer.
pub type Sender = Box<dyn Fn(http::Request<Bytes>) -> Result<http::Response<Bytes>, Failure>>;

/// What kind of failure a transport met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// No connection, tunnel or TLS session came about.
    Connect,
    /// A limit of time was reached.
    Timeout {
        /// Which one.
        limit: Duration,
    },
    /// The answer was longer than allowed.
    BodyTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The connection broke, or what came is no HTTP.
    Broken,
    /// The transport cannot send this request as it is, and did not send it at all.
    Unsendable,
}

/// An error of a transport: its kind, and all that its error type tells.
#[derive(Clone, Debug)]
pub struct Failure {
    kind: Kind,
    message: String,
    told: String,
}

impl Failure {
    /// Takes down the messages and the `Debug` of an error and of all its causes, to see that no secret is in them.
    pub fn of(kind: Kind, error: &(dyn Error + 'static)) -> Self {
        let (mut told, mut cause) = (String::new(), Some(error));
        while let Some(error) = cause {
            told.push_str(&format!("{error} {error:?} "));
            cause = error.source();
        }
        Self { kind, message: error.to_string(), told }
    }
}

/// Makes one `#[test]` of each rule that a transport has to keep. The argument is a function from
/// [`&Settings`](crate::conformance::Settings) to a [`Sender`](crate::conformance::Sender).
#[macro_export]
macro_rules! transport_conformance {
    ($make:path) => {
        $crate::__tests! { $make:
            an_answer_of_any_status_is_an_answer,
            what_arrives_is_what_was_given_or_nothing,
            a_redirect_is_an_answer_and_is_not_followed,
            a_body_may_have_as_many_bytes_as_the_limit_and_not_one_more,
            nothing_is_decompressed_or_remembered,
            the_whole_exchange_has_one_limit,
            connecting_has_a_limit_of_its_own,
            connections_are_used_again_and_only_for_their_host,
            a_request_that_was_sent_is_not_sent_again,
            a_connection_that_ended_meanwhile_is_no_error,
            whom_tls_cannot_prove_is_not_spoken_to,
            plain_http_is_not_spoken,
            the_proxy_is_for_all_hosts_but_the_listed_ones,
            a_proxy_that_fails_is_a_connection_that_did_not_come_about,
            the_proxy_gets_its_password_and_the_host_and_nothing_else,
        }
    };
}

/// Makes the `#[test]`s about the environment, for transports that read it. The argument is a function from `bool` (whether to read
/// the environment) to `Result<Sender, String>`, whose error is the `Debug` of what is wrong with the settings.
///
/// Each case is a process of its own: the test program runs itself, with the one ignored test that is the child.
#[macro_export]
macro_rules! transport_environment {
    ($make:path) => {
        #[test]
        #[ignore = "the child of the other tests"]
        fn child() {
            $crate::conformance::child($make);
        }

        $crate::__tests! { @environment
            proxy_and_ca_bundle_come_from_the_environment,
            no_proxy_keeps_a_host_from_the_proxy,
            the_bundle_replaces_the_systems_roots,
            a_bundle_that_is_named_must_do,
            a_proxy_of_another_kind_is_refused_and_not_gone_around,
            without_being_asked_no_proxy_and_no_bundle_is_heard_of,
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    (@environment $($rule:ident,)+) => { $( #[test] fn $rule() { $crate::conformance::$rule(); } )+ };
    ($make:path: $($rule:ident,)+) => { $( #[test] fn $rule() { $crate::conformance::$rule(&$make); } )+ };
}
