//! Maps AWS identities to Kubernetes usernames and groups, and explains itself. No IO.
