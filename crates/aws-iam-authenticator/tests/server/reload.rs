//! Files that change while the server runs: taken over without a gap, or left alone with a line that says so.

use crate::support::{HOST, Http, Line, Program, Server};
use k8s_aws_fake::{FakeAws, samples};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A configuration in which `alice` is this user.
fn config(username: &str) -> String {
    format!(
        "clusterID: blackbox.example
server:
  healthAddress: 127.0.0.1:0
  identityCacheSeconds: 0
  mapUsers:
  - userarn: arn:aws:iam::111122223333:user/alice
    username: {username}
"
    )
}

/// A server whose configuration is `file`, which a test may change.
fn start(file: &Path, fake: &FakeAws) -> (Program, Server) {
    let program = Program::new().argument("--config").argument(file.to_str().unwrap());
    let server = program.start(fake);
    (program, server)
}

fn directory() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    (directory, file)
}

fn taken_over(line: &Line) -> bool {
    line.message() == "reloaded the mappings of the configuration file"
}

fn alice_is(server: &Server, username: &str) {
    let reviewed = server.review(&server.token(&samples::user().credential, HOST));
    reviewed.assert_granted(username);
    assert_eq!(reviewed.json["status"]["user"]["username"], username);
}

fn alice_is_nobody(server: &Server) {
    let reviewed = server.review(&server.token(&samples::user().credential, HOST));
    reviewed.assert_denied("not_mapped", "alice");
}

#[test]
fn a_configuration_that_is_written_in_place_renamed_or_deleted() {
    let (fake, (directory, file)) = (FakeAws::start().unwrap(), directory());
    fs::write(&file, config("first")).unwrap();
    let (_program, server) = start(&file, &fake);
    alice_is(&server, "first");

    fs::write(&file, config("second")).unwrap();
    server.lines_until(taken_over);
    alice_is(&server, "second");

    let draft = directory.path().join("draft");
    fs::write(&draft, config("third")).unwrap();
    fs::rename(&draft, &file).unwrap();
    server.lines_until(taken_over);
    alice_is(&server, "third");

    // Nothing to read is no mapping removed.
    fs::remove_file(&file).unwrap();
    server.lines_until(|line| line.message() == "the configuration file cannot be read; its last mappings stay");
    alice_is(&server, "third");

    fs::write(&file, config("fourth")).unwrap();
    server.lines_until(taken_over);
    alice_is(&server, "fourth");
}

#[test]
fn a_mounted_config_map_changes_by_swapping_a_symbolic_link() {
    let (fake, (directory, file)) = (FakeAws::start().unwrap(), directory());
    let version = |name: &str, username: &str| {
        fs::create_dir(directory.path().join(name)).unwrap();
        fs::write(directory.path().join(name).join("config.yaml"), config(username)).unwrap();
        symlink(name, directory.path().join("..data_tmp")).unwrap();
        fs::rename(directory.path().join("..data_tmp"), directory.path().join("..data")).unwrap();
    };
    version("..2026_01", "first");
    symlink("..data/config.yaml", &file).unwrap();
    let (_program, server) = start(&file, &fake);
    alice_is(&server, "first");
    for (name, username) in [("..2026_02", "second"), ("..2026_03", "third")] {
        version(name, username);
        server.lines_until(taken_over);
        alice_is(&server, username);
    }
    fs::remove_dir_all(directory.path().join("..2026_01")).unwrap();
    alice_is(&server, "third");
}

#[test]
fn a_removal_takes_effect_and_a_bad_edit_costs_the_bad_entry() {
    let (fake, (_directory, file)) = (FakeAws::start().unwrap(), directory());
    fs::write(&file, config("alice")).unwrap();
    let (_program, server) = start(&file, &fake);
    alice_is(&server, "alice");

    // The entry that stays is read although the one before it is broken YAML.
    let broken = config("alice").replace("  mapUsers:\n", "  mapUsers:\n  - userarn: [unclosed\n    username: x\n");
    fs::write(&file, &broken).unwrap();
    let lines = server.lines_until(taken_over);
    assert!(lines.iter().any(|line| line.level() == "error" && line.text("code") == "syntax"), "{lines:?}");
    alice_is(&server, "alice");

    fs::write(&file, config("alice").replace("user/alice", "user/somebody-else")).unwrap();
    server.lines_until(taken_over);
    alice_is_nobody(&server);

    fs::write(&file, [0xff, 0xfe, b'x']).unwrap();
    server.lines_until(|line| line.message() == "the configuration file is not UTF-8; its last mappings stay");
    alice_is_nobody(&server);
}

#[test]
fn a_hang_up_reads_everything_again() {
    let (fake, (_directory, file)) = (FakeAws::start().unwrap(), directory());
    fs::write(&file, config("alice")).unwrap();
    let (_program, server) = start(&file, &fake);
    server.signal("HUP");
    server.lines_until(taken_over);
    server.lines_until(|line| line.message() == "reloaded the certificate");
    alice_is(&server, "alice");
}

#[test]
fn a_certificate_is_replaced_once_the_webhook_kubeconfig_trusts_it() {
    let (fake, (_directory, file)) = (FakeAws::start().unwrap(), directory());
    fs::write(&file, config("alice")).unwrap();
    let (program, server) = start(&file, &fake);
    alice_is(&server, "alice");
    let another = Program::new();
    drop(another.start(&fake));
    let copy = |name: &str| fs::copy(another.state().join(name), program.state().join(name)).unwrap();

    // An API server would not trust it, so nobody gets it.
    copy("key.pem");
    copy("cert.pem");
    let refused = |line: &Line| line.message() == "the certificate is not taken over; the last one stays";
    let lines = server.lines_until(|line| refused(line) && line.text("error").contains("does not trust it"));
    assert!(lines.last().unwrap().text("error").contains("give the API server a kubeconfig"), "{lines:?}");
    let old = fs::read(program.kubeconfig()).unwrap();
    alice_is(&server, "alice");

    // Now it would.
    fs::copy(another.kubeconfig(), program.kubeconfig()).unwrap();
    server.signal("HUP");
    server.lines_until(|line| line.message() == "reloaded the certificate");
    let certificate = fs::read(another.state().join("cert.pem")).unwrap();
    let new_client = Http::new(&certificate, &format!("https://localhost:{}/authenticate", server.address.port()));
    assert_eq!(new_client.ask(http::Method::GET, "/readyz").status, 200);
    // The first client does not trust the new certificate: it still has the connection that it had before.
    alice_is(&server, "alice");
    assert_ne!(old, fs::read(program.kubeconfig()).unwrap());
}
