//! Verifies k8s-aws-v1 bearer tokens: the STS request to send, and its answer read strictly. No IO.
