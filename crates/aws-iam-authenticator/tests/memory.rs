//! How much memory the server takes at most, under one load after the other: in a cgroup with a limit, where this machine lets one
//! make such a group, and by its peak resident size everywhere.
//!
//! As a test of the ordinary build it only shows that the loads run. `.ci/extended memory` runs them in full against the optimized
//! program and prints the figures; `MEMORY_PROGRAM` names another program to measure.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "drives a process and measures it"
)]
#![cfg(target_os = "linux")]

mod support;

use http::Method;
use k8s_aws_fake::{FakeAws, Fault, Identity, Instance};
use kubernetes_fake::{FakeKubernetes, aws_auth, identity_mapping};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use support::{CLUSTER, HOST, Http, Line, PATIENCE, Plan, Program, mint, review, under_load};

const MAPPINGS: &str = "mapUsers:\n- userarn: arn:aws:iam::111122223333:user/alice\n  username: alice\n\
                        mapRoles:\n- rolearn: arn:aws:iam::111122223333:role/dev\n  username: dev";
/// Nobody is told to ask again later, so that there is a load.
const RATES: &str = "sts: {known: {perSecond: 0}, unknown: {perSecond: 0}}";
/// A limit, and whether the group pays for the pages of the program's own file. A container does not where whoever unpacked the image,
/// or another container, read the file before.
struct Group {
    limit: u64,
    file: bool,
}

/// The usual manifests have a limit of 20 MiB.
const MANIFEST: Group = Group { limit: 20 << 20, file: true };
const MANIFEST_BUT_FILE: Group = Group { limit: 20 << 20, file: false };
/// Where the mappings are in the configuration file, and as many as people have.
const FILES: &[Group] = &[Group { limit: 15 << 20, file: false }, MANIFEST];
/// More of something than nearly everybody has.
const LARGE: &[Group] = &[MANIFEST_BUT_FILE];
/// As the container file has it.
const ALLOCATOR: (&str, &str) = ("GLIBC_TUNABLES", "glibc.malloc.arena_max=1");
/// The connections that the server has at most by default.
const CONNECTIONS: usize = 128;

/// Whether the figures count: the optimized program under the whole load.
fn in_full() -> bool {
    std::env::var_os("MEMORY_IN_FULL").is_some()
}

/// A cgroup with a limit, where one can be made; version 2 or 1.
struct Cgroup {
    directory: PathBuf,
    peak: &'static str,
}

impl Cgroup {
    fn new(load: &str, most: u64) -> Option<Self> {
        let name: String = load.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let name = format!("aws-iam-authenticator-{}-{name}", std::process::id());
        for (root, limit, peak) in [
            ("/sys/fs/cgroup", "memory.max", "memory.peak"),
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes"),
        ] {
            let directory = Path::new(root).join(&name);
            if Path::new(root).join("cgroup.procs").exists() && fs::create_dir(&directory).is_ok() {
                let group = Self { directory, peak };
                if fs::write(group.directory.join(limit), most.to_string()).is_ok() {
                    return Some(group);
                }
            }
        }
        None
    }

    fn peak(&self) -> Option<u64> {
        fs::read_to_string(self.directory.join(self.peak)).ok()?.trim().parse().ok()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.directory);
    }
}

struct Server {
    child: Child,
    http: Http,
    address: std::net::SocketAddr,
    cgroup: Option<Cgroup>,
    copy: Option<PathBuf>,
}

impl Server {
    fn start(program: &Program, fake: &FakeAws, load: &str, group: &Group) -> Self {
        let plain = program.command(Some(fake));
        let cgroup = in_full().then(|| Cgroup::new(load, group.limit)).flatten();
        let measured = std::env::var_os("MEMORY_PROGRAM").unwrap_or_else(|| plain.get_program().to_owned());
        // A group pays for the pages of files that it was the first to read: those of a copy that is not in memory, or none.
        let (mut command, copy) = match &cgroup {
            Some(cgroup) => {
                let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(cgroup.directory.file_name().unwrap());
                let mut command = Command::new("sh");
                let forget = if group.file {
                    r#"dd of="$2" oflag=nocache conv=notrunc,fdatasync count=0 status=none"#
                } else {
                    "true"
                };
                let script = format!(r#"cp "$1" "$2" && {forget} && echo $$ >"$0" && shift && exec "$@""#);
                command.arg("-c").arg(script).arg(cgroup.directory.join("cgroup.procs")).arg(measured).arg(&copy);
                (command, Some(copy))
            }
            None => (Command::new(measured), None),
        };
        command.args(plain.get_args()).current_dir(program.directory()).env_clear();
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env(ALLOCATOR.0, ALLOCATOR.1);
        // As in production: the log of a login is written at level info.
        command.arg("--log-verbosity=info").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let line = lines.find(|line| Line::parse(line).is("listening", "path", "/authenticate"));
        let address = Line::parse(&line.expect("the server starts")).text("address").parse().unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, http: Http::from_kubeconfig(&program.kubeconfig()), address, cgroup, copy }
    }

    /// The largest resident size so far, in bytes.
    fn peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the server is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the server was not killed");
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.copy.as_ref().map(fs::remove_file);
    }
}

/// Starts a server, puts a load on it, and looks at what it took; in one group after the other.
fn measure(groups: &[Group], load: &str, program: &Program, put: impl Fn(&FakeAws, &Server)) {
    for group in if in_full() { groups } else { &groups[..1] } {
        let fake = FakeAws::builder().record_limit(0).start().unwrap();
        measure_in(group, &fake, load, program, |server| put(&fake, server));
    }
}

fn measure_in(group: &Group, fake: &FakeAws, load: &str, program: &Program, put: impl FnOnce(&Server)) {
    let server = Server::start(program, fake, load, group);
    put(&server);
    let alive = server.http.another().ask(Method::GET, "/healthz");
    assert_eq!(alive.status, 200, "{load}: the server is there");
    let (peak, cgroup) = (server.peak(), server.cgroup.as_ref().and_then(Cgroup::peak));
    let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    let file = if group.file { "with" } else { "without" };
    let of = cgroup.map(|peak| format!("in the group {} of {}, {file} its file", mib(peak), mib(group.limit)));
    println!("{load}: {}; resident {}", of.as_deref().unwrap_or("no group"), mib(peak));
    // Where there is a group, whoever needs more than its limit is killed.
    assert!(!in_full() || cgroup.is_some() || peak <= 2 * group.limit, "{load}: {peak} bytes");
}

fn program() -> Program {
    Program::new().configured(MAPPINGS).configured(RATES).remembering()
}

fn body(fake: &FakeAws, number: usize) -> Value {
    let credential = fake.issue(Identity::assumed_role("111122223333", "dev", &format!("session-{number}")));
    review("authentication.k8s.io/v1", &mint(&credential, HOST, CLUSTER, std::time::SystemTime::now()))
}

fn scaled(full: usize, small: usize) -> usize {
    if in_full() { full } else { small }
}

#[test]
fn nothing_to_do() {
    measure(FILES, "nothing to do", &program(), |_, server| {
        assert_eq!(server.http.ask(Method::GET, "/readyz").status, 200);
    });
}

#[test]
fn logins_by_distinct_tokens() {
    measure(FILES, "logins by distinct tokens", &program(), log_in);
}

fn role(number: usize) -> String {
    let name = format!("team-{number}");
    format!(
        "- rolearn: arn:aws:iam::111122223333:role/{name}\n  username: {name}:{{{{SessionName}}}}\n  groups: [{name}, everyone]\n"
    )
}

/// The roles of so many teams, and of the ones who log in.
fn roles(teams: usize) -> String {
    (0..teams).map(role).collect::<String>() + "- rolearn: arn:aws:iam::111122223333:role/dev\n  username: dev\n"
}

fn log_in(fake: &FakeAws, server: &Server) {
    let logins = scaled(6000, 200);
    let bodies = (0..logins).map(|number| body(fake, number)).collect();
    let plan = Plan { http1: 16, http2: 4, streams: 8, bodies, usernames: vec!["dev".to_owned()] };
    let (outcome, ()) = under_load(&server.http, server.address, plan, |load| load.wait_for(logins));
    assert!(outcome.lost.is_empty() && outcome.wrong.is_empty(), "{:?} {:?}", outcome.lost, outcome.wrong.first());
}

/// A server whose mappings are in an API server.
fn with_api_server(groups: &[Group], load: &str, kubernetes: &FakeKubernetes, put: impl Fn(&FakeAws, &Server)) {
    let directory = tempfile::tempdir().unwrap();
    let kubeconfig = directory.path().join("kubeconfig");
    fs::write(&kubeconfig, kubernetes.kubeconfig()).unwrap();
    let kubeconfig = format!("--kubeconfig={}", kubeconfig.display());
    let program = Program::new().argument("--backend-mode=EKSConfigMap,CRD").argument(&kubeconfig);
    let program = program.configured(RATES).remembering();
    measure(groups, load, &program, |fake, server| {
        while server.http.another().ask(Method::GET, "/readyz").status != 200 {
            std::thread::yield_now();
        }
        put(fake, server);
    });
}

#[test]
fn mappings_of_an_api_server() {
    for (each, groups) in [(100, &[MANIFEST][..]), (1000, LARGE)] {
        let each = scaled(each, 20);
        let kubernetes = FakeKubernetes::builder().tls().start();
        kubernetes.apply(aws_auth([("mapRoles", &*roles(each))]));
        for number in 0..each {
            let arn = format!("arn:aws:iam::111122223333:user/user-{number}");
            kubernetes.apply(identity_mapping(&format!("user-{number}"), &arn, "somebody", &["everyone"]));
        }
        let load = format!("logins with {each} roles of EKSConfigMap and {each} objects of CRD");
        with_api_server(groups, &load, &kubernetes, log_in);
    }
}

/// As large as the API server lets it be, read and then changed.
#[test]
fn the_largest_config_map() {
    let teams = scaled((1 << 20) / role(99_999).len(), 50);
    let kubernetes = FakeKubernetes::builder().tls().start();
    kubernetes.apply(aws_auth([("mapRoles", &*roles(teams))]));
    with_api_server(
        LARGE,
        &format!("a ConfigMap of {teams} roles, changed twice, and logins"),
        &kubernetes,
        |fake, server| {
            for change in ["- '111122223333'\n", "- '444455556666'\n"] {
                kubernetes.apply(aws_auth([("mapRoles", &*roles(teams)), ("mapAccounts", change)]));
            }
            log_in(fake, server);
        },
    );
}

/// All nodes of a large cluster at once, over as many connections as three API servers may have, with all limits as by default:
/// whoever is told to ask again does so at once.
#[test]
fn a_storm_of_nodes() {
    let nodes = scaled(5000, 50);
    let fake = FakeAws::builder().record_limit(0).start().unwrap();
    let node = |number: usize| {
        let id = format!("i-{number:017x}");
        fake.add_instance(Instance::new(&id, "111122223333", "eu-west-1").named(&format!("ip-{number}.internal")));
        let credential = fake.issue(Identity::instance_profile("111122223333", "nodes", &id));
        review("authentication.k8s.io/v1", &mint(&credential, HOST, CLUSTER, std::time::SystemTime::now()))
    };
    let bodies: Vec<Value> = (0..nodes).map(node).collect();
    let usernames = (0..nodes).map(|number| format!("system:node:ip-{number}.internal")).collect();
    let own = fake.issue(Identity::assumed_role("111122223333", "webhook", "server"));
    let map = "mapRoles:\n- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:nodes]";
    let program = own
        .env()
        .into_iter()
        .fold(Program::new().configured(map).remembering(), |program, (name, value)| program.variable(name, &value));
    let program = program.variable("AWS_REGION", "eu-west-1");
    measure_in(
        &MANIFEST_BUT_FILE,
        &fake,
        &format!("a storm of {nodes} nodes, all limits as by default"),
        &program,
        |server| {
            let plan = Plan { http1: 0, http2: 24, streams: scaled(100, 5), bodies, usernames };
            let (outcome, ()) =
                under_load(&server.http, server.address, plan, |load| load.wait_for(scaled(30_000, 200)));
            assert!(outcome.lost.is_empty(), "{:?}", outcome.lost.first());
            let refused = outcome.wrong.iter().find(|answer| !answer.contains("\"error\""));
            assert!(refused.is_none() && outcome.wrong.len() < outcome.answered, "{refused:?}");
        },
    );
}

#[test]
fn a_thousand_reviews_of_one_token_at_once() {
    measure(FILES, "1,000 reviews of one token at once", &program(), |fake, server| {
        let held = fake.inject(Fault::hold());
        let streams = scaled(50, 5);
        let plan =
            Plan { http1: 0, http2: 20, streams, bodies: vec![body(fake, 0)], usernames: vec!["dev".to_owned()] };
        let (outcome, ()) = under_load(&server.http, server.address, plan, |load| {
            assert!(fake.wait_for_calls_blocking(1, PATIENCE));
            held.clear();
            load.wait_for(20 * streams);
        });
        assert!(outcome.wrong.is_empty() && outcome.lost.is_empty(), "{:?} {:?}", outcome.wrong, outcome.lost);
    });
}

#[test]
fn every_connection_is_idle() {
    for (name, alpn) in [("HTTP/1.1", &b"http/1.1"[..]), ("HTTP/2", &b"h2"[..])] {
        measure(FILES, &format!("twice as many idle connections as there may be, {name}"), &program(), |_, server| {
            let versions = [&rustls::version::TLS13];
            let _open: Vec<_> = (0..2 * CONNECTIONS)
                .map(|_| {
                    let mut stream = server.http.open_with(server.address, &versions, &[alpn]);
                    let request: &[u8] = match alpn {
                        b"h2" => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x03\x01\x05\0\0\0\x01\x82\x87\x84",
                        _ => b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
                    };
                    stream.write_all(request).unwrap();
                    let _ = std::io::Read::read(&mut stream, &mut [0; 512]);
                    stream
                })
                .collect();
        });
    }
}

#[test]
fn every_connection_sends_a_large_body_and_does_not_end_it() {
    measure(FILES, "large bodies on every connection, none of them complete", &program(), |_, server| {
        let head = "POST /authenticate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 131072\r\n\r\n";
        let request = [head.as_bytes(), &vec![b' '; 120_000]].concat();
        let _open: Vec<_> =
            (0..scaled(2 * CONNECTIONS, 40)).map(|_| server.http.open(server.address, &request)).collect();
    });
}

#[test]
fn handshakes_that_nobody_goes_on_with() {
    measure(FILES, "twice as many connections as there may be, without a handshake", &program(), |_, server| {
        let _open: Vec<_> = (0..2 * CONNECTIONS).map(|_| TcpStream::connect(server.address).unwrap()).collect();
        assert_eq!(server.http.another().ask(Method::GET, "/healthz").status, 200);
    });
}

#[test]
fn many_mappings() {
    let mappings = scaled(10_000, 100);
    let program = Program::new().configured(&format!("mapRoles:\n{}", roles(mappings))).configured(RATES).remembering();
    measure(
        LARGE,
        &format!("{mappings} mappings in the configuration file, read twice, and logins"),
        &program,
        |fake, server| {
            let pid = server.child.id().to_string();
            assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
            log_in(fake, server);
        },
    );
}

#[test]
fn many_mappings_of_the_dynamic_file() {
    let mappings = scaled(10_000, 100);
    let entry = |number: usize| {
        let name = format!("team-{number}");
        json!({"rolearn": format!("arn:aws:iam::111122223333:role/{name}"), "username": name, "groups": [name, "everyone"]})
    };
    let dev = json!({"rolearn": "arn:aws:iam::111122223333:role/dev", "username": "dev"});
    let entries: Vec<Value> = (0..mappings).map(entry).chain([dev]).collect();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("mappings.json");
    fs::write(&file, json!({"Version": "1", "mapRoles": entries}).to_string()).unwrap();
    let program = Program::new().configured(&format!("backendMode: DynamicFile\ndynamicfilepath: {}", file.display()));
    let program = program.configured(RATES);
    let load = format!("{mappings} mappings in the dynamic file, read twice, and logins");
    measure(LARGE, &load, &program.remembering(), |fake, server| {
        let pid = server.child.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
        log_in(fake, server);
    });
}
