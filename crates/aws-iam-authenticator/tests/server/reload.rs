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

    fs::write(&file, "\n").unwrap();
    server.lines_until(message("the configuration file is empty; its last mappings stay"));
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
    server.lines_until(|line| line.message() == "the file is not UTF-8; what it last said stays");
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

/// A dynamic file in which `alice` is this user.
fn dynamic(username: &str) -> String {
    format!(
        r#"{{"LastUpdatedDateTime": "1781526896", "Version": "1", "mapUsers":
            [{{"userarn": "arn:aws:iam::111122223333:user/alice", "username": "{username}"}}]}}"#
    )
}

fn message(text: &'static str) -> impl Fn(&Line) -> bool {
    move |line| line.message() == text
}

#[test]
fn the_dynamic_file_is_loaded_reloaded_and_emptied_by_its_deletion() {
    let (fake, (_directory, file)) = (FakeAws::start().unwrap(), directory());
    let program = Program::new()
        .argument("--backend-mode=DynamicFile")
        .configured(&format!("dynamicfilepath: {}", file.display()));
    let server = program.start(&fake);
    // A file that was never there has said nothing: nobody may remember a denial for it.
    let reviewed = server.review(&server.token(&samples::user().credential, HOST));
    reviewed.assert_error("not_synced", "no dynamic file yet");
    assert_eq!(server.http.ask(http::Method::GET, "/readyz").status, 503);

    fs::write(&file, dynamic("first")).unwrap();
    server.lines_until(message("loaded the dynamic file"));
    alice_is(&server, "first");
    assert_eq!(server.http.ask(http::Method::GET, "/readyz").status, 200);

    // Half of it is no version of it.
    fs::write(&file, &dynamic("second")[..60]).unwrap();
    server.lines_until(message("loaded the dynamic file"));
    alice_is(&server, "first");

    fs::write(&file, dynamic("third")).unwrap();
    server.lines_until(message("loaded the dynamic file"));
    alice_is(&server, "third");

    fs::remove_file(&file).unwrap();
    server.lines_until(message("the dynamic file was deleted"));
    alice_is_nobody(&server);
    let metrics = server.http.ask(http::Method::GET, "/metrics");
    for line in ["aws_iam_authenticator_dynamicfile_failures_total 1", "aws_iam_authenticator_dynamic_file_only 1"] {
        assert!(metrics.text().lines().any(|l| l == line), "{line} in {}", metrics.text());
    }
}

/// Makes a version of a folder as kubelet does for mounted ConfigMaps and Secrets, and swaps the link that leads to it.
fn swap(folder: &Path, version: &str, files: &[(&str, &[u8])]) {
    fs::create_dir(folder.join(version)).unwrap();
    for (name, content) in files {
        fs::write(folder.join(version).join(name), content).unwrap();
        if !folder.join(name).is_symlink() {
            symlink(Path::new("..data").join(name), folder.join(name)).unwrap();
        }
    }
    symlink(version, folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
}

#[test]
fn the_dynamic_file_changes_by_swapped_links_by_rename_and_by_coming_back() {
    let (fake, (directory, file)) = (FakeAws::start().unwrap(), directory());
    swap(directory.path(), "..1", &[("config.yaml", dynamic("first").as_bytes())]);
    let program = Program::new()
        .argument("--backend-mode=DynamicFile")
        .configured(&format!("dynamicfilepath: {}", file.display()));
    let server = program.start(&fake);
    alice_is(&server, "first");
    swap(directory.path(), "..2", &[("config.yaml", dynamic("second").as_bytes())]);
    server.lines_until(message("loaded the dynamic file"));
    alice_is(&server, "second");
    fs::remove_file(&file).unwrap();
    server.lines_until(message("the dynamic file was deleted"));
    alice_is_nobody(&server);
    let draft = directory.path().join("draft");
    for username in ["third", "fourth"] {
        fs::write(&draft, dynamic(username)).unwrap();
        fs::rename(&draft, &file).unwrap();
        server.lines_until(message("loaded the dynamic file"));
        alice_is(&server, username);
    }
}

#[test]
fn a_certificate_of_a_mounted_secret_is_replaced_by_swapping_a_symbolic_link() {
    let (fake, (_directory, file)) = (FakeAws::start().unwrap(), directory());
    fs::write(&file, config("alice")).unwrap();
    let pairs = [(); 2].map(|()| {
        let made = Program::new();
        drop(made.start(&fake));
        let read = |name: &str| fs::read(made.state().join(name)).unwrap();
        (read("cert.pem"), read("key.pem"), fs::read(made.kubeconfig()).unwrap())
    });
    let program = Program::new().argument("--config").argument(file.to_str().unwrap());
    fs::create_dir(program.state()).unwrap();
    let [(certificate, key, _), (next, next_key, kubeconfig)] = &pairs;
    swap(&program.state(), "..1", &[("cert.pem", certificate), ("key.pem", key)]);
    let server = program.start(&fake);
    alice_is(&server, "alice");
    fs::write(program.kubeconfig(), kubeconfig).unwrap();
    swap(&program.state(), "..2", &[("cert.pem", next), ("key.pem", next_key)]);
    server.lines_until(message("reloaded the certificate"));
    let client = Http::new(next, &format!("https://localhost:{}/authenticate", server.address.port()));
    assert_eq!(client.ask(http::Method::GET, "/readyz").status, 200);
    alice_is(&server, "alice");
}

#[test]
fn the_chain_of_backends_is_switched_while_the_server_runs() {
    let (fake, (directory, file)) = (FakeAws::start().unwrap(), directory());
    let modes = directory.path().join("modes.json");
    fs::write(&file, dynamic("dynamic")).unwrap();
    let program = Program::new().argument("--backend-mode=MountedFile,DynamicFile").configured(&format!(
        "dynamicfilepath: {}\ndynamicBackendModePath: {}\nmapUsers:\n- userarn: arn:aws:iam::111122223333:user/alice\n  \
         username: mounted",
        file.display(),
        modes.display()
    ));
    let server = program.start(&fake);
    alice_is(&server, "mounted");

    fs::write(&modes, r#"{"backendMode": "DynamicFile MountedFile"}"#).unwrap();
    server.lines_until(message("backend modes"));
    alice_is(&server, "dynamic");

    // What cannot be used changes nothing.
    for bad in ["{", r#"{"backendMode": "Nowhere"}"#, r#"{"backendMode": "Dynamicfile"}"#] {
        fs::write(&modes, bad).unwrap();
        server.lines_until(message("the backend-mode file is not used; the backends stay as they are"));
        alice_is(&server, "dynamic");
    }

    fs::remove_file(&modes).unwrap();
    server.lines_until(message("backend modes"));
    alice_is(&server, "mounted");
}

#[test]
fn the_dynamic_file_and_its_backend_need_each_other() {
    let without_file = Program::new().argument("--backend-mode=DynamicFile").refuses_to_start(None);
    assert!(without_file.contains("set server.dynamicfilepath"), "{without_file}");
    let without_backend = Program::new().configured("dynamicfilepath: /x").refuses_to_start(None);
    assert!(without_backend.contains("add DynamicFile to --backend-mode"), "{without_backend}");
    let twice = Program::new().argument("--backend-mode=MountedFile,File").refuses_to_start(None);
    assert!(twice.contains("MountedFile"), "{twice}");
}
