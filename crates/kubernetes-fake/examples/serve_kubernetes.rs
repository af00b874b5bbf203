//! A fake API server to try programs against by hand: writes its kubeconfig to the given file and runs until its standard input
//! ends. With a number behind the file it has so many mappings in `aws-auth`, and as many `IAMIdentityMapping`s.
//!
//! `cargo run -p kubernetes-fake --example serve_kubernetes -- /tmp/kubeconfig 1000`
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a tool: ends where it cannot do its work")]

use kubernetes_fake::{FakeKubernetes, aws_auth, identity_mapping};
use std::io::Read;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let count: usize = arguments.get(1).map_or(0, |count| count.parse().unwrap());
    let fake = FakeKubernetes::builder().tls().token("serve").start();
    let arn = |n: usize| format!("arn:aws:iam::111122223333:role/role-{n}");
    let entry = |n: usize| format!("- rolearn: {}\n  username: user-{n}\n  groups: [group-{n}]\n", arn(n));
    fake.apply(aws_auth([("mapRoles", &(0..count).map(entry).collect::<String>())]));
    for n in 0..count {
        fake.apply(identity_mapping(&format!("mapping-{n}"), &arn(n), &format!("user-{n}"), &[]));
    }
    std::fs::write(&arguments[0], fake.kubeconfig()).unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}
