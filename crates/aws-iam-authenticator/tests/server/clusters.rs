//! Several clusters in one process: each by its own path, and never one for another.

use crate::support::{HOST, Http, Program, mint, review};
use http::Request;
use k8s_aws_fake::{FakeAws, samples};
use serde_json::Value;
use std::time::SystemTime;

const MAPPINGS: &str = "mapUsers:\n- userarn: arn:aws:iam::111122223333:user/alice\n  username: alice";
/// Ids as EKS and kops have them, and one that a URL has to encode.
const FIRST: &str = "blackbox.example";
const SECOND: &str = "arn:aws:eks:eu-west-1:111122223333:cluster/second";
const THIRD: &str = "a third%2Fcluster?";

fn program() -> Program {
    let ids = [SECOND, THIRD, FIRST].map(|id| format!("\"{id}\"")).join(", ");
    Program::new().configured(MAPPINGS).at_the_top(&format!("clusterIDs: [{ids}]"))
}

fn post(http: &Http, url: &str, cluster: &str) -> (u16, Value) {
    let token = mint(&samples::user().credential, HOST, cluster, SystemTime::now());
    let body = review("authentication.k8s.io/v1", &token).to_string();
    let answer = http.send(Request::post(url).header("content-type", "application/json").body(body.into()).unwrap());
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

#[test]
fn a_token_is_good_by_the_path_of_its_cluster_alone() {
    let fake = FakeAws::start().unwrap();
    let program = program().remembering();
    let server = program.start(&fake);
    let base = format!("https://localhost:{}", server.address.port());
    // The paths that the kubeconfigs name, those that a client makes of them, and the first one's second path.
    let paths = [
        ("/authenticate", FIRST),
        ("/clusters/blackbox.example/authenticate", FIRST),
        ("/clusters/arn%3Aaws%3Aeks%3Aeu-west-1%3A111122223333%3Acluster%2Fsecond/authenticate", SECOND),
        ("/clusters/arn:aws:eks:eu-west-1:111122223333:cluster/second/authenticate", SECOND),
        ("/clusters/a%20third%252Fcluster%3F/authenticate", THIRD),
    ];
    for (path, cluster) in paths {
        for id in [FIRST, SECOND, THIRD] {
            let calls = fake.counts().calls;
            let (status, answer) = post(&server.http, &format!("{base}{path}"), id);
            assert_eq!(status, 200, "{path} {id}");
            assert_eq!(answer["status"]["authenticated"], id == cluster, "{path} {id}: {answer}");
            assert!(answer["status"].get("error").is_none(), "a definite answer: {answer}");
            let asked = fake.counts().calls - calls;
            assert!(asked <= 1, "{path} {id}: STS was asked {asked} times");
            let line = server.lines_until_decided().pop().unwrap();
            assert_eq!(line.text("path"), path);
            if id != cluster {
                assert_eq!(line.text("reason"), "sts_signature_mismatch", "{path} {id}");
                assert_eq!(asked, 1, "what is remembered of one cluster is nothing to another");
            }
        }
    }
    for path in [
        "/clusters/fourth/authenticate",
        "/clusters/authenticate",
        "/clusters/blackbox.example",
        "/clusters//authenticate",
        "/clusters/BLACKBOX.example/authenticate",
        "/Clusters/blackbox.example/authenticate",
        "/clusters/%/authenticate",
    ] {
        assert_eq!(post(&server.http, &format!("{base}{path}"), FIRST).0, 404, "{path}");
    }
}

#[test]
fn every_cluster_gets_a_webhook_kubeconfig_by_which_its_api_servers_log_people_in() {
    let fake = FakeAws::start().unwrap();
    let program = program();
    let server = program.start(&fake);
    for (name, cluster) in [
        ("kubeconfig.yaml", FIRST),
        ("kubeconfig-arn%3Aaws%3Aeks%3Aeu-west-1%3A111122223333%3Acluster%2Fsecond.yaml", SECOND),
        ("kubeconfig-a%20third%252Fcluster%3F.yaml", THIRD),
    ] {
        let http = Http::from_kubeconfig(&program.directory().join(name));
        assert!(http.url.ends_with(&format!(":{}{}", server.address.port(), path_of(&http.url))), "{}", http.url);
        let (status, answer) = post(&http, &http.url, cluster);
        assert_eq!((status, &answer["status"]["user"]["username"]), (200, &"alice".into()), "{name}: {answer}");
    }
}

fn path_of(url: &str) -> &str {
    url.splitn(4, '/').nth(3).map_or("", |_| &url[url.match_indices('/').nth(2).unwrap().0..])
}

#[test]
fn ids_come_from_the_command_line_or_else_from_the_file() {
    let fake = FakeAws::start().unwrap();
    let paths = |program: &Program| -> Vec<String> {
        let server = program.start(&fake);
        let lines = server.seen().into_iter().filter(|line| line.message() == "listening");
        lines.map(|line| line.text("path").to_owned()).filter(|path| path != "/healthz").collect()
    };
    let both = Program::new().at_the_top("clusterIDs: [second, blackbox.example]");
    assert_eq!(paths(&both), ["/clusters/second/authenticate", "/authenticate"]);
    let flags = both.argument("-i").argument("first").argument("--cluster-id=other").argument("-ifirst");
    assert_eq!(paths(&flags), ["/clusters/other/authenticate", "/authenticate"]);
    let environment = Program::new().variable("KUBERNETES_AWS_AUTHENTICATOR_CLUSTER_ID", "from the environment");
    assert_eq!(paths(&environment.at_the_top("clusterIDs: [second]")), ["/authenticate"]);
}

#[test]
fn an_id_that_clients_would_take_for_another_is_refused() {
    let program = Program::new().at_the_top("clusterIDs: ['x/../blackbox.example']");
    let error = program.refuses_to_start(None);
    assert!(error.contains("has no path of its own") && error.contains("name that cluster first"), "{error}");
    let error = Program::new().at_the_top("clusterIDs: [a, {b: c}]").refuses_to_start(None);
    assert!(error.contains("config.yaml:2: clusterIDs: this has to be a list of texts"), "{error}");
}
