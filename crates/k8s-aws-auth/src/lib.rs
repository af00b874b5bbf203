//! Kubernetes authentication with AWS IAM as one sans-IO state machine. No IO.
