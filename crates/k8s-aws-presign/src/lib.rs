//! Mints k8s-aws-v1 bearer tokens: a SigV4 presigner for one call. No IO.
