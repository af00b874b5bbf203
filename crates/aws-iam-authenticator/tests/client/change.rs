//! `add` and `remove`

use super::Desk;
use kubernetes_fake::{FakeKubernetes, Fault, aws_auth};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const ROLES: &str = "# nodes\n- rolearn: arn:aws:iam::111122223333:role/node # ours\n  username: node\n";
const ADD: [&str; 8] =
    ["add", "role", "--rolearn", "arn:aws:iam::111122223333:role/dev", "--username", "dev", "--groups", "a,b"];
const ADDED: &str = "- rolearn: arn:aws:iam::111122223333:role/dev\n  username: dev\n  groups:\n    - a\n    - b\n";

struct Bench {
    fake: Arc<FakeKubernetes>,
    desk: Desk,
}

impl Bench {
    fn new() -> Self {
        let fake = Arc::new(FakeKubernetes::start());
        let mut map = aws_auth([("mapRoles", ROLES), ("custom", "kept")]);
        map["metadata"]["labels"] = json!({"team": "x"});
        fake.apply(map);
        let desk = Desk::new();
        desk.file("kubeconfig", &fake.kubeconfig());
        Self { fake, desk }
    }

    fn run(&self, arguments: &[&str]) -> super::Ran {
        self.run_with(arguments, "")
    }

    fn run_with(&self, arguments: &[&str], input: &str) -> super::Ran {
        self.desk.run_with(&[arguments, &["--kubeconfig", "kubeconfig"]].concat(), input)
    }

    fn map(&self) -> Value {
        self.fake.object("ConfigMap", "kube-system", "aws-auth").unwrap()
    }

    fn writes(&self) -> usize {
        self.fake.requests().iter().filter(|request| !matches!(request.verb, "get" | "list")).count()
    }
}

#[test]
fn an_entry_is_added_and_everything_else_stays() {
    let bench = Bench::new();
    let before = bench.map();
    let ran = bench.run(&[&ADD[..], &["--prompt=false"]].concat()).ok();
    assert!(
        ran.contains("+- rolearn: arn:aws:iam::111122223333:role/dev\n") && ran.contains("updated configmap"),
        "{ran}"
    );
    let after = bench.map();
    assert_eq!(after["data"], json!({"mapRoles": format!("{ROLES}{ADDED}"), "custom": "kept"}));
    assert_eq!(after["metadata"]["labels"], before["metadata"]["labels"]);
    let user = ["add", "user", "--userarn", "arn:aws:iam::111122223333:user/ann", "--username", "ann", "--groups", ""];
    bench.run(&[&user[..], &["--prompt=false"]].concat()).ok();
    assert_eq!(bench.map()["data"]["mapUsers"], "- userarn: arn:aws:iam::111122223333:user/ann\n  username: ann\n");
    let sso = ["add", "role", "--sso", "permissionSetName=Ops,accountID=111122223333", "--username", "ops"];
    bench.run(&[&sso[..], &["--groups", "a", "--groups", "b,c", "--prompt=false"]].concat()).ok();
    let roles = bench.map()["data"]["mapRoles"].as_str().unwrap().to_owned();
    assert!(roles.contains("permissionSetName: Ops"), "{roles}");
    assert!(roles.ends_with("  groups:\n    - a\n    - b\n    - c\n"), "groups add up: {roles}");
}

#[test]
fn nothing_is_written_before_somebody_said_yes() {
    let bench = Bench::new();
    for (answer, writes) in [("n\n", 0), ("\n", 0), ("Yes\n", 1)] {
        let ran = bench.run_with(&ADD, answer);
        assert_eq!((ran.code, bench.writes()), (0, writes), "{ran:?}");
        assert!(ran.stderr.contains("[y/N]") && ran.stdout.contains("+  username: dev"), "{ran:?}");
    }
    let bench = Bench::new();
    bench.run(&ADD).fails(1, "--prompt=false");
    let dry = bench.run(&[&ADD[..], &["--dry-run"]].concat()).ok();
    assert!(dry.contains("@@ -1,3 +1,8 @@") && dry.contains("not written"), "{dry}");
    assert_eq!(bench.writes(), 0);
}

#[test]
fn a_second_entry_is_refused_and_an_upsert_is_idempotent() {
    let bench = Bench::new();
    let add = [&ADD[..], &["--prompt=false"]].concat();
    bench.run(&add).ok();
    bench.run(&add).fails(3, "an entry for it is there already: mapRoles[1]");
    let writes = bench.writes();
    let upsert = [&add[..], &["--upsert"]].concat();
    assert!(bench.run(&upsert).ok().contains("nothing to change"));
    assert_eq!(bench.writes(), writes);
    let mut other = upsert.clone();
    other[5] = "developer";
    bench.run(&other).ok();
    let want = format!("{ROLES}{}", ADDED.replace("username: dev\n", "username: developer\n"));
    assert_eq!(bench.map()["data"]["mapRoles"], want);
}

#[test]
fn what_was_added_can_be_removed() {
    let bench = Bench::new();
    bench.run(&[&ADD[..], &["--prompt=false"]].concat()).ok();
    let remove = ["remove", "role", "--rolearn", "arn:aws:iam::111122223333:role/dev", "--prompt=false"];
    let ran = bench.run(&remove).ok();
    assert!(ran.contains("-  username: dev\n"), "{ran}");
    assert_eq!(bench.map()["data"]["mapRoles"], ROLES);
    bench.run(&remove).fails(3, "there is no entry for it in mapRoles");
    bench.run(&["remove", "user", "--userarn", "arn:aws:iam::111122223333:user/x"]).fails(3, "mapUsers");
}

#[test]
fn a_change_by_somebody_else_in_between_is_kept() {
    let bench = Bench::new();
    // Somebody is quicker, once: the update then meets a newer version than it was made from.
    let (fake, first) = (Arc::downgrade(&bench.fake), AtomicBool::new(true));
    bench.fake.inject_when(Fault::Close, move |request| {
        if request.verb == "update" && first.swap(false, Ordering::SeqCst) {
            fake.upgrade().unwrap().apply(aws_auth([("mapRoles", &format!("{ROLES}# theirs\n")), ("mapUsers", "[]")]));
        }
        false
    });
    bench.run(&[&ADD[..], &["--prompt=false"]].concat()).ok();
    assert_eq!(bench.map()["data"], json!({"mapRoles": format!("{ROLES}# theirs\n{ADDED}"), "mapUsers": "[]"}));
    assert_eq!(bench.writes(), 2);

    let bench = Bench::new();
    bench.fake.inject_when(Fault::Status(409), |request| request.verb == "update");
    bench.run(&[&ADD[..], &["--prompt=false"]].concat()).fails(1, "changed by others all the time");
    assert_eq!(bench.writes(), 6);
}

#[test]
fn a_wrong_entry_and_a_wrong_cluster_are_refused_with_a_remedy() {
    let bench = Bench::new();
    let arn = |arn| ["add", "role", "--rolearn", arn, "--username", "dev", "--groups", "a", "--prompt=false"];
    bench.run(&arn("arn:aws:iam::111122223333:user/x")).fails(2, "add it as a user");
    bench.run(&arn("nonsense")).fails(2, "ARN");
    let sso = |sso| ["add", "role", "--sso", sso, "--username", "dev", "--groups", "a", "--prompt=false"];
    bench.run(&sso("permissionSetName=x")).fails(2, "accountID is missing");
    bench.run(&sso("permissionSetName=x,acountID=1")).fails(2, "means nothing");
    bench.run(&["add", "role", "--username", "dev", "--groups", "a"]).fails(2, "--rolearn");
    bench.run(&ADD[..6]).fails(2, "--groups");
    bench.fake.delete("ConfigMap", "kube-system", "aws-auth");
    bench.run(&[&ADD[..], &["--prompt=false"]].concat()).fails(1, "there is no ConfigMap aws-auth");
    bench.fake.set_tokens(&["other"]);
    bench.run(&[&ADD[..], &["--prompt=false"]].concat()).fails(1, "log in anew");
    assert_eq!(bench.writes(), 0);
}
