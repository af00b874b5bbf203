//! Replays the seeds of the fuzz targets `arn` and `names`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "common/laws.rs"]
mod laws;
#[path = "common/seeds.rs"]
mod seeds;

const ARNS: [&str; 14] = [
    "arn:aws:iam::123456789012:root",
    "arn:aws:iam::123456789012:user/alice",
    "arn:aws:iam::123456789012:user/eng/team-a/alice",
    "arn:aws-us-gov:iam::123456789012:role/node",
    "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_ops_00ff00ff00ff00ff",
    "arn:aws-cn:sts::123456789012:federated-user/bob",
    "arn:aws:sts::123456789012:assumed-role/deployer/alice@example.com",
    "arn:aws:sts::123456789012:assumed-role/aws:ec2-instance/i-0123456789abcdef0",
    "arn:aws:iam::123456789012:role/aws:ec2-instance",
    "arn:aws:iam::123456789012:group/admins",
    "arn:aws:sts:us-east-1:123456789012:assumed-role/r/s",
    "arn:aws:sts::123456789012:assumed-role/p/r/s",
    "arn:aws:iam::12345678901:user//alice",
    "arn:aws:sts::123456789012:assumed-role/r/{{SessionName}}",
];

const NAMES: [&str; 24] = [
    "012345678901",
    "12345678901",
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAIOSFODNN7EXAMPL\u{212a}",
    "i-1234abcd",
    "i-0123456789abcdef0",
    "i-0123456789ABCDEF0",
    "production",
    "prod.k8s.example.com",
    "two spaces",
    "two  spaces",
    " production",
    "us-east-1",
    "cn-north-1",
    "us-gov-west-1",
    "xx-new-1",
    "us--east-1",
    "aws",
    "aws-us-gov",
    "sts.amazonaws.com",
    "sts.us-west-2.amazonaws.com",
    "sts-fips.us-gov-west-1.api.aws",
    "20260615T123456Z",
    "20230229T235960Z",
];

#[test]
fn the_seeds_of_names_obey_its_laws() {
    let seeds: Vec<_> =
        NAMES.iter().enumerate().map(|(n, name)| (format!("name-{n:02}"), name.as_bytes().to_vec())).collect();
    seeds::replay("names", &seeds, |bytes| laws::names(&String::from_utf8_lossy(bytes)));
}

#[test]
fn the_seeds_of_arn_obey_its_laws() {
    let seeds: Vec<_> =
        ARNS.iter().enumerate().map(|(n, arn)| (format!("arn-{n:02}"), arn.as_bytes().to_vec())).collect();
    seeds::replay("arn", &seeds, |bytes| {
        let _ = laws::arn(&String::from_utf8_lossy(bytes));
    });
}
