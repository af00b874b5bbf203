//! Certificate, key and webhook kubeconfig: made once, kept, refused where they are not as they should be. And the end.

use crate::support::{HOST, Line, Program, Server, review};
use k8s_aws_fake::{FakeAws, Fault, samples};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const MAPPINGS: &str = "mapUsers:\n- userarn: arn:aws:iam::111122223333:user/alice\n  username: alice";
/// A certificate and its RSA key that the Go program's `init` made, for tests alone.
const GO_CERTIFICATE: &str = include_str!("../data/go-init-test-only-cert.pem");
const GO_KEY: &str = include_str!("../data/go-init-test-only-key.pem");

fn program() -> Program {
    Program::new().configured(MAPPINGS)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn log_in(server: &Server) {
    server.review(&server.token(&samples::user().credential, HOST)).assert_granted("alice");
}

/// The same by a client that takes the pinned certificate even if it is a CA's, as that of the Go program is.
fn log_in_pinned(server: &Server) {
    let body = review("authentication.k8s.io/v1", &server.token(&samples::user().credential, HOST)).to_string();
    let answer = server.http.post_pinned(server.address, &body);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"username\":\"alice\""), "{answer}");
}

fn write_pair(program: &Program, certificate: &str, key: &str) {
    fs::create_dir_all(program.state()).unwrap();
    fs::write(program.state().join("cert.pem"), certificate).unwrap();
    fs::write(program.state().join("key.pem"), key).unwrap();
    fs::set_permissions(program.state().join("key.pem"), Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn the_first_start_makes_a_pair_and_a_kubeconfig_and_the_second_keeps_the_pair() {
    let fake = FakeAws::start().unwrap();
    let program = program();
    let (certificate, key) = (program.state().join("cert.pem"), program.state().join("key.pem"));
    let server = program.start(&fake);
    log_in(&server);
    assert!(server.seen().iter().any(|line| line.message() == "saving new key and certificate"));
    assert_eq!((mode(&key), mode(&certificate), mode(&program.kubeconfig())), (0o600, 0o644, 0o644));
    let pair = (fs::read(&certificate).unwrap(), fs::read(&key).unwrap());
    let kubeconfig = fs::read_to_string(program.kubeconfig()).unwrap();
    assert!(kubeconfig.contains(&format!("https://localhost:{}/authenticate", server.address.port())), "{kubeconfig}");
    for line in ["current-context: webhook", "name: aws-iam-authenticator", "name: apiserver", "name: webhook"] {
        assert!(kubeconfig.lines().any(|have| have.trim_start_matches([' ', '-']) == line), "{line} in {kubeconfig}");
    }
    drop(server);

    let server = program.start(&fake);
    log_in(&server);
    assert!(server.seen().iter().any(|line| line.message() == "loaded existing keypair"));
    assert!(!server.seen().iter().any(|line| line.level() == "warning"), "{:?}", server.seen());
    assert_eq!((fs::read(&certificate).unwrap(), fs::read(&key).unwrap()), pair);
    let left: Vec<_> = fs::read_dir(program.directory()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "nothing lies about: {left:?}");
}

#[test]
fn the_certificate_is_a_leaf_for_the_names_it_is_reached_by() {
    let fake = FakeAws::start().unwrap();
    let program = program().configured("hostname: webhook.example");
    let server = program.start(&fake);
    assert!(server.http.url.starts_with("https://webhook.example:"), "{}", server.http.url);
    let text = openssl(&program.state().join("cert.pem"));
    let Some(text) = text else {
        println!("skipped: openssl is not installed");
        return;
    };
    for part in [
        "Public Key Algorithm: id-ecPublicKey",
        "ASN1 OID: prime256v1",
        "CA:FALSE",
        "TLS Web Server Authentication",
        "DNS:webhook.example, IP Address:127.0.0.1",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("CA:TRUE") && !text.contains("Certificate Sign"), "{text}");
}

/// What openssl makes of a certificate, where it is installed.
fn openssl(path: &Path) -> Option<String> {
    let output = Command::new("openssl").args(["x509", "-noout", "-text", "-in"]).arg(path).output().ok()?;
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_pair_of_the_go_program_is_loaded() {
    let fake = FakeAws::start().unwrap();
    let program = program();
    write_pair(&program, GO_CERTIFICATE, GO_KEY);
    let server = program.start(&fake);
    log_in_pinned(&server);
    assert_eq!(fs::read_to_string(program.state().join("cert.pem")).unwrap(), GO_CERTIFICATE);
}

#[test]
fn a_key_that_others_can_read_is_worth_a_warning() {
    let fake = FakeAws::start().unwrap();
    let program = program();
    write_pair(&program, GO_CERTIFICATE, GO_KEY);
    fs::set_permissions(program.state().join("key.pem"), Permissions::from_mode(0o644)).unwrap();
    let server = program.start(&fake);
    let seen = server.seen();
    let warning = seen.iter().find(|line| line.level() == "warning").unwrap();
    assert_eq!((warning.text("mode"), warning.text("remedy")), ("0644", "chmod 0600"));
    log_in_pinned(&server);
}

#[test]
fn a_pair_behind_symbolic_links_is_loaded() {
    let fake = FakeAws::start().unwrap();
    let program = program();
    write_pair(&program, GO_CERTIFICATE, GO_KEY);
    // As a mounted Secret looks.
    let data = program.state().join("..data");
    fs::create_dir(&data).unwrap();
    for name in ["cert.pem", "key.pem"] {
        fs::rename(program.state().join(name), data.join(name)).unwrap();
        symlink(Path::new("..data").join(name), program.state().join(name)).unwrap();
    }
    log_in_pinned(&program.start(&fake));
}

#[test]
fn a_pair_that_cannot_be_used_is_refused_before_anything_is_written() {
    let fake = FakeAws::start().unwrap();
    let other = program();
    drop(other.start(&fake));
    let other_key = fs::read_to_string(other.state().join("key.pem")).unwrap();
    let half = |text: &str| text[..text.len() / 2].to_owned();
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (case, certificate, key, problem) in [
        ("no certificate in it", String::new(), GO_KEY.to_owned(), "cert.pem: no certificate"),
        ("half a certificate", half(GO_CERTIFICATE), GO_KEY.to_owned(), "cert.pem: "),
        ("no key in it", GO_CERTIFICATE.to_owned(), String::new(), "key.pem: not a PEM file"),
        ("half a key", GO_CERTIFICATE.to_owned(), half(GO_KEY), "key.pem: not a PEM file"),
        ("the other's key", GO_CERTIFICATE.to_owned(), other_key, "do not go together"),
        ("no X.509", garbage.to_owned(), GO_KEY.to_owned(), "cert.pem"),
        ("the two swapped", GO_KEY.to_owned(), GO_CERTIFICATE.to_owned(), "cert.pem: "),
    ] {
        let program = program();
        write_pair(&program, &certificate, &key);
        let error = program.refuses_to_start(Some(&fake));
        assert!(error.contains(problem), "{case}: {error}");
        assert!(!error.contains("\"listening\""), "{case}: it said that it listens: {error}");
        assert!(!program.kubeconfig().exists(), "{case}: a kubeconfig for a pair that cannot be used");
        assert_eq!(fs::read_to_string(program.state().join("cert.pem")).unwrap(), certificate, "{case}");
        for piece in GO_KEY.lines().filter(|line| !line.starts_with('-')) {
            assert!(!error.contains(piece), "{case}: {error}");
        }
    }
}

#[test]
fn half_a_pair_is_not_completed() {
    let fake = FakeAws::start().unwrap();
    for missing in ["cert.pem", "key.pem"] {
        let program = program();
        write_pair(&program, GO_CERTIFICATE, GO_KEY);
        fs::remove_file(program.state().join(missing)).unwrap();
        let error = program.refuses_to_start(Some(&fake));
        assert!(error.contains(&format!("but no {}", program.state().join(missing).display())), "{error}");
        assert!(error.contains("put the missing file back"), "{error}");
        assert!(!program.state().join(missing).exists() && !program.kubeconfig().exists());
    }
}

/// A pair that ends so many days from now.
fn pair_that_ends_in(days: i64) -> (String, String) {
    let now = time::OffsetDateTime::now_utc();
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (now - time::Duration::days(900), now + time::Duration::days(days));
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn certificate_end(server: &Server) -> i64 {
    let metrics = server.http.ask(http::Method::GET, "/metrics");
    let name = "aws_iam_authenticator_certificate_not_after_timestamp_seconds ";
    metrics.text().lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap()
}

#[test]
fn the_end_of_the_certificate_is_a_metric_and_when_it_is_near_a_warning() {
    let fake = FakeAws::start().unwrap();
    let now = || time::OffsetDateTime::now_utc().unix_timestamp();
    for (days, warned) in [(36_500, false), (31, false), (29, true), (1, true)] {
        let program = program();
        let (certificate, key) = pair_that_ends_in(days);
        write_pair(&program, &certificate, &key);
        let server = program.start(&fake);
        log_in(&server);
        let seen = server.seen();
        let warning = seen.iter().find(|line| line.level() == "warning");
        assert_eq!(warning.map(Line::message), warned.then_some("the certificate is about to expire"), "{days}");
        assert!(warning.is_none_or(|line| line.text("remedy").contains("webhook kubeconfig")));
        let ends = certificate_end(&server) - now();
        assert!((days * 86_400 - 3600..=days * 86_400).contains(&ends), "{days}: {ends}");
    }
}

#[test]
fn an_expired_certificate_is_refused_with_a_remedy_and_never_taken_over() {
    let fake = FakeAws::start().unwrap();
    let (certificate, key) = pair_that_ends_in(-1);
    let expired = program();
    write_pair(&expired, &certificate, &key);
    let error = expired.refuses_to_start(Some(&fake));
    assert!(
        error.contains("cert.pem: the certificate expired at 20") && error.contains("remove both files"),
        "{error}"
    );

    let program = program();
    let server = program.start(&fake);
    write_pair(&program, &certificate, &key);
    let refused = "the certificate is not taken over; the last one stays";
    server.lines_until(|line| line.message() == refused && line.text("error").contains("expired"));
    log_in(&server);
}

#[test]
fn who_was_killed_while_making_the_pair_finishes_it_at_the_next_start() {
    let fake = FakeAws::start().unwrap();
    let other = program();
    drop(other.start(&fake));
    let read = |name: &str| fs::read(other.state().join(name)).unwrap();
    let (certificate, key) = (read("cert.pem"), read("key.pem"));
    // Every moment at which that can happen: drafts first, then their names, then the drafts go.
    let moments: [&[(&str, &[u8])]; 6] = [
        &[(".key.pem.draft", b"-----BEGIN")],
        &[(".key.pem.draft", &key), (".cert.pem.draft", b"-----BEGIN")],
        &[(".key.pem.draft", &key), (".cert.pem.draft", &certificate)],
        &[(".key.pem.draft", &key), (".cert.pem.draft", &certificate), ("key.pem", &key)],
        &[(".key.pem.draft", &key), (".cert.pem.draft", &certificate), ("key.pem", &key), ("cert.pem", &certificate)],
        &[(".cert.pem.draft", &certificate), ("key.pem", &key), ("cert.pem", &certificate)],
    ];
    for (number, moment) in moments.into_iter().enumerate() {
        let program = program();
        fs::create_dir(program.state()).unwrap();
        for (name, content) in moment {
            fs::write(program.state().join(name), content).unwrap();
        }
        log_in(&program.start(&fake));
        let mut left: Vec<_> = fs::read_dir(program.state()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["cert.pem", "key.pem"], "{number}");
        let kept = fs::read(program.state().join("key.pem")).unwrap() == key;
        assert_eq!(kept, number >= 3, "{number}: a key that had its name is kept");
    }
}

#[test]
fn those_who_start_at_once_make_one_pair() {
    let fake = FakeAws::start().unwrap();
    let state = tempfile::tempdir().unwrap();
    let programs: Vec<Program> =
        (0..4).map(|_| program().argument("--state-dir").argument(state.path().to_str().unwrap())).collect();
    let mut children: Vec<_> = programs
        .iter()
        .map(|program| {
            let mut command = program.command(Some(&fake));
            command.stderr(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in &mut children {
        let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
        let listens = lines.map_while(Result::ok).any(|line| line.contains("\"path\":\"/authenticate\""));
        assert!(listens, "each of them serves");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let kubeconfigs: Vec<_> =
        programs.iter().map(|program| fs::read_to_string(program.kubeconfig()).unwrap()).collect();
    let certificate =
        |text: &str| text.lines().find(|line| line.contains("certificate-authority-data")).map(str::to_owned);
    assert!(kubeconfigs.iter().all(|text| certificate(text) == certificate(&kubeconfigs[0])), "{kubeconfigs:#?}");
}

#[test]
fn nothing_is_written_through_a_symbolic_link() {
    let fake = FakeAws::start().unwrap();
    for name in ["key.pem", "cert.pem"] {
        let program = program();
        let elsewhere = program.directory().join("elsewhere");
        fs::create_dir(program.state()).unwrap();
        symlink(&elsewhere, program.state().join(name)).unwrap();
        let error = program.refuses_to_start(Some(&fake));
        assert!(error.contains("symbolic links are not followed"), "{error}");
        assert!(error.contains(name), "{error}");
        assert!(!elsewhere.exists(), "{name} was written where the link leads");
        // The refusal leaves no half pair behind, which would be refused for another reason at the next start.
        let other = if name == "key.pem" { "cert.pem" } else { "key.pem" };
        assert!(!program.state().join(other).exists(), "{other} was left behind");
    }
}

#[test]
fn a_kubeconfig_that_is_a_symbolic_link_is_replaced_and_not_followed() {
    let fake = FakeAws::start().unwrap();
    let program = program();
    let elsewhere = program.directory().join("elsewhere");
    fs::write(&elsewhere, "somebody else's").unwrap();
    symlink(&elsewhere, program.kubeconfig()).unwrap();
    log_in(&program.start(&fake));
    assert_eq!(fs::read_to_string(elsewhere).unwrap(), "somebody else's");
    assert!(!fs::symlink_metadata(program.kubeconfig()).unwrap().is_symlink());
}

#[test]
fn a_pregenerated_kubeconfig_is_left_alone() {
    let fake = FakeAws::start().unwrap();
    let program = program().pregenerated();
    let server = program.start(&fake);
    log_in(&server);
    let left: Vec<_> = fs::read_dir(program.directory()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "config.yaml and state alone: {left:?}");
}

#[test]
fn a_directory_where_a_file_should_be_and_a_place_that_cannot_be_written_are_refused() {
    let fake = FakeAws::start().unwrap();
    let program = self::program();
    fs::create_dir_all(program.state().join("key.pem")).unwrap();
    assert!(program.refuses_to_start(Some(&fake)).contains("cannot read"));
    let program = self::program();
    fs::write(program.state(), "a file").unwrap();
    assert!(program.refuses_to_start(Some(&fake)).contains("cannot"));
    let program = self::program();
    fs::create_dir(program.kubeconfig()).unwrap();
    assert!(program.refuses_to_start(Some(&fake)).contains("kubeconfig.yaml"));
}

#[test]
fn an_address_that_is_taken_is_refused_and_a_taken_health_port_is_not() {
    let fake = FakeAws::start().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let program = self::program().argument(&format!("--port={port}"));
    let error = program.refuses_to_start(Some(&fake));
    assert!(
        error.contains(&format!("cannot listen on 127.0.0.1:{port}")) || error.contains("cannot be used"),
        "{error}"
    );
    assert!(!program.kubeconfig().exists(), "no API server is sent to somebody else's port");
}

#[test]
fn a_ca_bundle_that_cannot_be_used_is_refused_with_its_name() {
    let fake = FakeAws::start().unwrap();
    for (content, problem) in [
        (None, "cannot read the CA bundle"),
        (Some(""), "no CA certificates"),
        (Some("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"), "not a PEM file"),
    ] {
        let program = self::program();
        let bundle = program.directory().join("bundle.pem");
        if let Some(content) = content {
            fs::write(&bundle, content).unwrap();
        }
        let program = program.variable("AWS_CA_BUNDLE", bundle.to_str().unwrap());
        let error = program.refuses_to_start(Some(&fake));
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn a_configuration_that_does_not_fit_is_refused_with_its_place() {
    let fake = FakeAws::start().unwrap();
    for (yaml, problem) in [
        ("partition: moon", "partition"),
        ("scrubbedAccounts: ['12']", "config.yaml:3: server.scrubbedAccounts: "),
        ("kubeconfigPregenerated: perhaps", "config.yaml:3: server.kubeconfigPregenerated: neither true nor false"),
        ("backendMode: [EKSConfigMap]", "EKSConfigMap"),
        ("mapRoles: [", "config.yaml:"),
    ] {
        let program = Program::new().configured(yaml);
        let error = program.refuses_to_start(Some(&fake));
        assert!(error.contains(problem) && error.starts_with("Error: "), "{yaml}: {error}");
    }
}

#[test]
fn told_to_stop_it_answers_what_is_under_way_and_exits_0() {
    let fake = FakeAws::start().unwrap();
    let program = program();
    let mut server = program.start(&fake);
    let held = fake.inject(Fault::hold());
    let body = review("authentication.k8s.io/v1", &server.token(&samples::user().credential, HOST));
    let answer = std::thread::scope(|scope| {
        let asking = scope.spawn(|| server.post(&body));
        assert!(fake.wait_for_calls_blocking(1, Duration::from_secs(60)));
        server.terminate();
        server.lines_until(|line| line.is("shutting down", "signal", "SIGTERM"));
        // Nobody new is let in.
        held.clear();
        asking.join().unwrap()
    });
    assert_eq!(answer.status, 200);
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer["status"]["user"]["username"], "alice");
    assert_eq!(server.wait().code(), Some(0));
    assert!(std::net::TcpStream::connect(server.address).is_err());
    assert!(std::net::TcpStream::connect(server.health).is_err());
}

#[test]
fn idle_connections_do_not_keep_it_from_stopping() {
    let fake = FakeAws::start().unwrap();
    let program = program();
    let mut server = program.start(&fake);
    log_in(&server);
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_signal_is_heard_as_soon_as_the_log_says_that_it_listens() {
    let fake = FakeAws::start().unwrap();
    let program = program();
    for _ in 0..10 {
        let mut server = program.start(&fake);
        server.terminate();
        assert_eq!(server.wait().code(), Some(0));
    }
}
