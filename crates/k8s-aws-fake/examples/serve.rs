//! Starts a fake AWS, prints the settings that lead other programs to it, and serves until standard input closes.
//!
//! ```text
//! $ mkfifo /tmp/hold; cargo run -p k8s-aws-fake --example serve < /tmp/hold > /tmp/fake.env &
//! $ exec 3> /tmp/hold                # closing it ends the fake
//! $ . /tmp/fake.env; aws sts get-caller-identity --region eu-west-1
//! $ aws ec2 describe-instances --region eu-west-1 --filters Name=instance-id,Values=i-0123456789abcdef0
//! ```
//!
//! An argument names the sample to act as, such as `assumed-role` or `instance-identity`; without one it is `user`.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program: its arguments, its input and its output are its job"
)]

use std::error::Error;

use k8s_aws_fake::{FakeAws, samples};

fn main() -> Result<(), Box<dyn Error>> {
    let wanted = std::env::args().nth(1).unwrap_or_else(|| "user".into());
    let sample =
        samples::all().into_iter().find(|sample| sample.name == wanted).ok_or("no sample principal of that name")?;
    let fake = FakeAws::start()?;
    println!("# {}", sample.identity.arn());
    for (name, value) in fake.env().into_iter().chain(sample.credential.env()) {
        println!("export {name}='{value}'");
    }
    // Ends when the other side closes.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    println!("# {} requests", fake.counts().calls);
    Ok(())
}
