//! Kubernetes authentication with AWS IAM: client and webhook server, a drop-in for the Go program of this name.
