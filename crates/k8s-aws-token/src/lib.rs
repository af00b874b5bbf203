//! The k8s-aws-v1 bearer token: a strict, pure codec. No IO.
