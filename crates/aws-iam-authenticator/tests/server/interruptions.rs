//! What happens to logins when the server stops, is killed, or takes over files, with clients that ask without pause.

use crate::support::{HOST, Outcome, Plan, Program, Server, review, under_load};
use k8s_aws_fake::{FakeAws, Identity};
use serde_json::Value;
use std::fs;

const MAPPINGS: &str = "mapRoles:\n- rolearn: arn:aws:iam::111122223333:role/dev\n  username: dev";

fn bodies(fake: &FakeAws, server: &Server) -> Vec<Value> {
    let token = |number: u32| {
        let credential = fake.issue(Identity::assumed_role("111122223333", "dev", &format!("session-{number}")));
        review("authentication.k8s.io/v1", &server.token(&credential, HOST))
    };
    (0..20).map(token).collect()
}

fn plan(fake: &FakeAws, server: &Server, usernames: &[&str]) -> Plan {
    let usernames = usernames.iter().map(|name| (*name).to_owned()).collect();
    Plan { http1: 6, http2: 2, streams: 4, bodies: bodies(fake, server), usernames }
}

#[track_caller]
fn assert_nothing_lost(outcome: &Outcome) {
    assert!(outcome.wrong.is_empty() && outcome.lost.is_empty(), "{outcome:#?}");
}

#[test]
fn told_to_stop_under_load_it_drops_no_request() {
    let fake = FakeAws::start().unwrap();
    let program = Program::new().configured(MAPPINGS).remembering();
    for round in 0..3 {
        let mut server = program.start(&fake);
        let plan = plan(&fake, &server, &["dev"]);
        let (client, address) = (server.http.another(), server.address);
        let (outcome, status) = under_load(&client, address, plan, |load| {
            load.wait_for(200);
            server.terminate();
            let status = server.wait();
            load.end();
            status
        });
        assert_nothing_lost(&outcome);
        assert_eq!(status.code(), Some(0), "round {round}");
        assert!(outcome.refused > 0, "nobody new is let in once it has stopped");
    }
}

#[test]
fn killed_and_started_again_under_load_it_gives_no_wrong_answer() {
    let fake = FakeAws::start().unwrap();
    let mut program = Program::new().configured(MAPPINGS).remembering();
    let mut server = program.start(&fake);
    program = program.argument(&format!("--port={}", server.address.port()));
    let plan = plan(&fake, &server, &["dev"]);
    let (client, address) = (server.http.another(), server.address);
    let (outcome, ()) = under_load(&client, address, plan, |load| {
        for _ in 0..3 {
            load.wait_for(100);
            server.signal("KILL");
            assert_eq!(server.wait().code(), None);
            server = program.start(&fake);
        }
        load.wait_for(100);
    });
    assert!(outcome.wrong.is_empty(), "{outcome:#?}");
    assert!(outcome.answered >= 400 && outcome.connected > 8, "{outcome:#?}");
}

#[test]
fn files_that_change_under_load_cost_no_connection_and_give_no_wrong_answer() {
    let fake = FakeAws::start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    let write = |username: &str| {
        let mappings = MAPPINGS.replace("username: dev", &format!("username: {username}")).replace('\n', "\n  ");
        let draft = directory.path().join("draft");
        fs::write(
            &draft,
            format!("clusterID: blackbox.example\nserver:\n  healthAddress: 127.0.0.1:0\n  {mappings}\n"),
        )
        .unwrap();
        fs::rename(&draft, &file).unwrap();
    };
    write("first");
    let program = Program::new().argument("--config").argument(file.to_str().unwrap());
    let server = program.start(&fake);
    let connections = 8;
    let plan = plan(&fake, &server, &["first", "second"]);
    let (outcome, ()) = under_load(&server.http, server.address, plan, |load| {
        for username in ["second", "first", "second", "first", "second"] {
            load.wait_for(50);
            write(username);
            server.lines_until(|line| line.message() == "reloaded the mappings of the configuration file");
            load.wait_for(50);
            server.signal("HUP");
            server.lines_until(|line| line.message() == "reloaded the certificate");
        }
        load.wait_for(50);
    });
    assert_nothing_lost(&outcome);
    assert_eq!((outcome.connected, outcome.refused), (connections, 0), "{outcome:#?}");
    let dev = fake.issue(Identity::assumed_role("111122223333", "dev", "last"));
    let answer = server.post(&review("authentication.k8s.io/v1", &server.token(&dev, HOST)));
    assert!(answer.text().contains("\"username\":\"second\""), "{answer:?}");
}
