/// The audiences that this authenticator vouches for.
///
/// None configured, the default, is *audience-unaware*: audiences never lead to a refusal and `status.audiences` is left
/// out. An API server reads that as "valid for the audience of the API server", and itself refuses when another
/// audience was asked for.
///
/// With audiences configured the answer is the intersection with those that the request names; where it is empty, the
/// token is not for any of the servers that ask, and the review is unauthenticated. A request that names none is about
/// the API server itself: it is compatible, and `status.audiences` is left out, which says just that. Names match byte
/// for byte.
///
/// Sources: the API documentation of `TokenReviewSpec.audiences` and `TokenReviewStatus.audiences`
/// (`k8s.io/api/authentication/v1`), and "Webhook Token Authentication" in the Kubernetes documentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audiences(Vec<String>);

/// What the audience rules say of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudienceMatch {
    /// Go on, and answer with these `status.audiences`; an empty list leaves them out.
    Compatible(Vec<String>),
    /// The token is for none of the audiences asked for: answer [`denied`](crate::TokenReviewResponse::denied).
    Mismatch,
}

impl Audiences {
    /// No audiences: never refuse because of them.
    pub const fn unaware() -> Self {
        Self(Vec::new())
    }

    /// These audiences, in this order, repetitions dropped. None at all is [`unaware`](Self::unaware).
    pub fn new(audiences: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut distinct: Vec<String> = Vec::new();
        for audience in audiences.into_iter().map(Into::into) {
            if !distinct.contains(&audience) {
                distinct.push(audience);
            }
        }
        Self(distinct)
    }

    /// The configured audiences; empty if audience-unaware.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Applies the rules above to the `spec.audiences` of a request. The answer is in configured order.
    pub fn check(&self, requested: &[String]) -> AudienceMatch {
        if self.0.is_empty() || requested.is_empty() {
            return AudienceMatch::Compatible(Vec::new());
        }
        let common: Vec<String> = self.0.iter().filter(|audience| requested.contains(audience)).cloned().collect();
        if common.is_empty() { AudienceMatch::Mismatch } else { AudienceMatch::Compatible(common) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn an_unaware_authenticator_never_refuses_and_answers_no_audiences() {
        for requested in [&[][..], &["a"], &["a", "b"], &[""]] {
            assert_eq!(Audiences::unaware().check(&list(requested)), AudienceMatch::Compatible(Vec::new()));
        }
        assert_eq!(Audiences::new(Vec::<String>::new()), Audiences::default());
    }

    #[test]
    fn configured_audiences_are_intersected() {
        let ours = Audiences::new(["api", "vault", "api"]);
        assert_eq!(ours.as_slice(), list(&["api", "vault"]));
        for (requested, answer) in [
            (&["api"][..], &["api"][..]),
            (&["vault", "api"], &["api", "vault"]),
            (&["other", "vault", "vault"], &["vault"]),
            // Nobody else's audience is asked about: the request is the API server's own.
            (&[], &[]),
        ] {
            assert_eq!(ours.check(&list(requested)), AudienceMatch::Compatible(list(answer)), "{requested:?}");
        }
    }

    #[test]
    fn an_empty_intersection_is_a_mismatch() {
        let ours = Audiences::new(["api", "vault"]);
        for requested in [&["other"][..], &["API"], &["api "], &[""], &["ap", "i", "apivault"]] {
            assert_eq!(ours.check(&list(requested)), AudienceMatch::Mismatch, "{requested:?}");
        }
    }
}
