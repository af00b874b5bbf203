//! Kubernetes TokenReview and ExecCredential wire types, strict where it matters. No IO.
