//! What docs/deploy and docs/troubleshooting.md tell people to run.

use crate::setting::{CLUSTER, Cluster, employee};
use crate::tell;
use k8s_aws_fake::{Credential, Identity, samples};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

pub(crate) fn what_the_page_about_logging_in_says_works(cluster: &mut Cluster) {
    let page = page("deploy/logging-in.md");
    let [kubectl, curl] = &blocks(&page, "sh").map(|block| of(cluster, block)).collect::<Vec<_>>()[..] else {
        panic!("{page}")
    };
    let alice = samples::user().credential;
    if there_is("kubectl") {
        let said = cluster.runs(kubectl, &employee().credential);
        assert!(said.contains("viewer:k8s-aws-auth-") && said.contains("aws-viewers"), "{said}");
        kubectl_by_hand(cluster, &page);
    }
    if there_is("curl") {
        let answer: Value = serde_json::from_str(&cluster.runs(curl, &alice)).unwrap();
        assert_eq!(answer["status"]["allowed"], true, "{answer}");
        let not_so = curl.replace(r#""resource": "namespaces""#, r#""resource": "secrets""#);
        let answer: Value = serde_json::from_str(&cluster.runs(&not_so, &alice)).unwrap();
        assert_eq!(answer["status"]["allowed"], false, "{answer}");
    }
    // AWS, before anybody asks the API server.
    let admins = "aws-iam-authenticator token -i x -r arn:aws:iam::111122223333:role/KubernetesAdmins";
    let refused = cluster.run(admins, &alice);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("AccessDenied") && said.contains("sts:AssumeRole"), "{said}");
    cluster.catch_up();
}

/// The user of the page, in a kubeconfig beside the cluster's.
fn kubectl_by_hand(cluster: &Cluster, page: &str) {
    // The environment has the keys, not a profile.
    let user = blocks(page, "yaml").next().unwrap().replace("AWS_PROFILE", "AWS_APP_ID");
    fs::write(cluster.file("viewer.yaml"), &user).unwrap();
    let role = ", -r, \"arn:aws:iam::111122223333:role/KubernetesViewers\"";
    assert!(user.contains(role), "{user}");
    fs::write(cluster.file("oneself.yaml"), user.replace(role, "")).unwrap();
    let run = |file: &str, arguments: &str, credential: &Credential| {
        let output = cluster.run(&format!("KUBECONFIG={file}:ADMIN kubectl --user={CLUSTER} {arguments}"), credential);
        let said = String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr });
        (output.status.success(), said.into_owned())
    };
    let viewer = employee().credential;
    let (done, said) = run("viewer.yaml", "auth whoami", &viewer);
    assert!(done && said.contains("viewer:"), "{said}");
    let (done, said) = run("viewer.yaml", "create namespace not-to-be", &viewer);
    assert!(!done && said.contains("(Forbidden)") && said.contains("User \"viewer:"), "{said}");
    let stranger = cluster.aws.issue(samples::federated_user().identity);
    let (done, said) = run("oneself.yaml", "auth whoami", &stranger);
    assert!(!done && said.contains("Unauthorized"), "{said}");
    cluster.server.lines_until(|line| line.is("access denied", "reason", "not_mapped"));
}

pub(crate) fn what_the_page_about_troubles_says_works(cluster: &mut Cluster) {
    let page = page("troubleshooting.md");
    let line = |what: &str| {
        let line = page.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("no {what}"));
        let code = line.split('`').nth(1).unwrap();
        code.replace("\\|", "|").replace("CLUSTER", CLUSTER)
    };
    let alice = samples::user().credential;
    let explain = line("--token - --kubeconfig ADMIN");
    let said = cluster.runs(&explain, &alice);
    assert!(said.contains("LET IN as alice") && said.contains("EKSConfigMap"), "{said}");
    let admins = cluster.aws.issue(Identity::assumed_role(samples::ACCOUNT, "KubernetesAdmins", "carol"));
    let said = cluster.runs(&explain, &admins);
    assert!(said.contains("LET IN as admin:carol") && said.contains("CRD"), "{said}");
    let nobody = cluster.aws.issue(samples::federated_user().identity);
    let output = cluster.run(&explain, &nobody);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = cluster.runs(&line("verify -i CLUSTER"), &alice);
    assert!(said.contains(samples::user().identity.arn()), "{said}");
    cluster.runs(&line("lint --kubeconfig ADMIN"), &alice);
}

/// The blocks of a page in this language.
fn blocks<'p>(page: &'p str, language: &'p str) -> impl Iterator<Item = &'p str> {
    let begin = format!("```{language}\n");
    let rest: Vec<&str> = page.split(&*begin).skip(1).collect();
    rest.into_iter().map(|rest| rest.split("```").next().unwrap())
}

/// The same about the API server that is here.
fn of(cluster: &Cluster, script: &str) -> String {
    script.replace("https://api.production.example.com", &cluster.kubernetes.url())
}

fn there_is(program: &str) -> bool {
    let there = Command::new(program).arg("--help").output().is_ok_and(|output| output.status.success());
    if !there {
        tell(&format!("skipped: there is no {program} on this machine"));
    }
    there
}

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)).unwrap()
}
