//! Connections: how they are secured, how many there may be, and what becomes of those that are of no use.

use crate::support::{HOST, Http, PATIENCE, Program, Server, TlsStream, review};
use http::Method;
use k8s_aws_fake::{FakeAws, Fault, samples};
use rustls::version::{TLS12, TLS13};
use rustls::{ProtocolVersion, SupportedProtocolVersion};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

const MAPPINGS: &str = "mapUsers:\n- userarn: arn:aws:iam::111122223333:user/alice\n  username: alice";

fn start(more: &str) -> (FakeAws, Server) {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(MAPPINGS).configured(more).start(&fake);
    (fake, server)
}

fn log_in(server: &Server, case: &str) {
    server.review(&server.token(&samples::user().credential, HOST)).assert_granted(case);
}

/// What comes until the server closes.
fn rest(stream: &mut impl Read) -> Vec<u8> {
    let (mut answer, mut chunk) = (Vec::new(), [0; 4096]);
    while let Ok(n @ 1..) = stream.read(&mut chunk) {
        answer.extend_from_slice(&chunk[..n]);
    }
    answer
}

/// Asks for the health over an open connection, which stays open.
fn is_open(stream: &mut TlsStream) -> bool {
    let asked = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").and_then(|()| stream.flush());
    let mut answer = Vec::new();
    let mut byte = [0];
    while asked.is_ok() && !answer.ends_with(b"\r\n\r\nok") {
        match stream.read(&mut byte) {
            Ok(1) => answer.push(byte[0]),
            _ => return false,
        }
    }
    asked.is_ok()
}

fn counted(server: &Server, name: &str) -> u64 {
    let metrics = server.http.ask(Method::GET, "/metrics");
    let prefix = format!("aws_iam_authenticator_{name} ");
    metrics.text().lines().find_map(|line| line.strip_prefix(&prefix)).unwrap().parse().unwrap()
}

#[test]
fn tls_1_2_and_1_3_are_spoken_and_http2_where_the_client_offers_it() {
    let (_fake, server) = start("");
    for (version, name) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        for (offered, agreed) in [
            (&[][..], None),
            (&[&b"http/1.1"[..]][..], Some(&b"http/1.1"[..])),
            (&[b"h2"], Some(b"h2")),
            (&[b"http/1.1", b"h2"], Some(b"h2")),
        ] {
            let versions: [&'static SupportedProtocolVersion; 1] = [version];
            let mut stream = server.http.open_with(server.address, &versions, offered);
            if agreed == Some(b"h2") {
                stream.write_all(&preface()).unwrap();
                assert_eq!(frame(&mut stream).map(|frame| frame.kind), Some(SETTINGS), "{name:?} {offered:?}");
            } else {
                assert!(is_open(&mut stream), "{name:?} {offered:?}");
            }
            assert_eq!((stream.conn.protocol_version(), stream.conn.alpn_protocol()), (Some(name), agreed));
        }
    }
    // Neither of the two.
    let mut stream = server.http.open_with(server.address, &[&TLS12, &TLS13], &[b"spdy/3"]);
    assert!(!is_open(&mut stream));
}

#[test]
fn when_there_are_too_many_the_one_that_was_idle_for_the_longest_goes() {
    let (_fake, server) = start("maxConnections: 3");
    let mut oldest = server.http.open(server.address, b"");
    assert!(is_open(&mut oldest));
    let mut older = server.http.open(server.address, b"");
    assert!(is_open(&mut older));
    // The client of the test, which keeps its connection.
    log_in(&server, "the third");
    assert_eq!((counted(&server, "connections"), counted(&server, "connections_closed_for_room_total")), (3, 0));

    let mut fourth = server.http.open(server.address, b"");
    assert!(is_open(&mut fourth));
    assert!(rest(&mut oldest).is_empty(), "the first of them is closed");
    assert!(is_open(&mut older), "the second is not");
    log_in(&server, "over the connection that was there");
    // Whoever asked last goes last.
    let mut fifth = server.http.open(server.address, b"");
    assert!(is_open(&mut fifth));
    assert!(rest(&mut fourth).is_empty());
    assert!(is_open(&mut older));
    assert_eq!((counted(&server, "connections"), counted(&server, "connections_closed_for_room_total")), (3, 2));
}

#[test]
fn who_waits_for_an_answer_is_not_closed_for_another() {
    let (fake, server) = start("maxConnections: 2");
    let held = fake.inject(Fault::hold());
    let token = server.token(&samples::user().credential, HOST);
    let body = review("authentication.k8s.io/v1", &token);
    let answer = std::thread::scope(|scope| {
        let asking = scope.spawn(|| server.post(&body));
        assert!(fake.wait_for_calls_blocking(1, PATIENCE));
        for _ in 0..10 {
            assert!(is_open(&mut server.http.open(server.address, b"")));
        }
        held.clear();
        asking.join().unwrap()
    });
    assert!(answer.text().contains("\"username\":\"alice\""), "{answer:?}");
}

/// So many clients that do nothing, half of them without as much as a TLS handshake, lock nobody out.
fn idle_clients(clients: usize) {
    let (_fake, server) = start("");
    log_in(&server, "before them");
    let mut idle = Vec::with_capacity(clients);
    let mut secure = Vec::new();
    let others = server.http.another();
    for number in 0..clients {
        let stream = TcpStream::connect(server.address);
        idle.push(stream.expect("enough file descriptors for the test: ulimit -n"));
        if number % 100 == 0 {
            secure.push(server.http.open(server.address, b""));
            // Somebody who has no connection yet, and somebody who has.
            assert_eq!(others.another().ask(Method::GET, "/healthz").status, 200);
            log_in(&server, "amid them");
        }
    }
    log_in(&server, "beside them");
    assert!(counted(&server, "connections") <= 128);
    assert!(counted(&server, "connections_closed_for_room_total") > 0);
}

#[test]
fn clients_that_do_nothing_lock_nobody_out() {
    idle_clients(700);
}

#[test]
#[ignore = "needs 10,200 file descriptors: `ulimit -n 20000`, see .ci/extended"]
fn ten_thousand_clients_that_do_nothing_lock_nobody_out() {
    idle_clients(10_000);
}

#[test]
fn few_file_descriptors_are_made_do_with() {
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(MAPPINGS).file_descriptors(40).start(&fake);
    let _idle: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    assert_eq!(server.http.another().ask(Method::GET, "/healthz").status, 200);
    assert!(counted(&server, "connections_closed_for_room_total") > 0);
}

#[test]
fn what_takes_its_time_is_cut_off_and_told_where_it_can_be() {
    let (_fake, server) = start("");
    let mut silent = TcpStream::connect(server.address).unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = server.http.open(server.address, b"POST /authenticate HTTP/1.1\r\nhost: x\r\n");
    // A connection that was of use before has no more time for its second head.
    let mut second = server.http.open(server.address, b"");
    assert!(is_open(&mut second));
    second.write_all(b"POST /auth").unwrap();
    let request =
        "POST /authenticate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    let mut body = server.http.open(server.address, request.as_bytes());
    let mut unused = server.http.open(server.address, b"");
    let mut probe = TcpStream::connect(server.health).unwrap();
    probe.set_read_timeout(Some(PATIENCE)).unwrap();
    probe.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
    log_in(&server, "beside them");

    let answer = rest(&mut body);
    assert!(answer.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&answer));
    let line = server.lines_until_decided().pop().unwrap();
    assert_eq!((line.message(), line.text("reason")), ("could not parse request body", "body_cut_off"));
    for (what, rest) in [
        ("a handshake", rest(&mut silent)),
        ("a head", rest(&mut head)),
        ("the head of a second request", rest(&mut second)),
        ("a probe", rest(&mut probe)),
    ] {
        assert!(rest.is_empty(), "{what}: {}", String::from_utf8_lossy(&rest));
    }
    assert!(is_open(&mut unused), "who only keeps a connection may do so for longer");
}

const DATA: u8 = 0;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;

struct Frame {
    kind: u8,
    flags: u8,
    payload: Vec<u8>,
}

/// The frame of HTTP/2 (RFC 9113, section 4.1).
fn framed(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn preface() -> Vec<u8> {
    [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &framed(SETTINGS, 0, 0, b"")].concat()
}

fn frame(stream: &mut impl Read) -> Option<Frame> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).ok()?;
    let mut payload = vec![0; usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap()];
    stream.read_exact(&mut payload).ok()?;
    Some(Frame { kind: head[3], flags: head[4], payload })
}

/// `GET https:///`, in the static table of HPACK.
const HEADERS: [u8; 3] = [0x82, 0x87, 0x84];

fn open_http2(http: &Http, server: &Server, frames: &[u8]) -> TlsStream {
    let mut stream = http.open_with(server.address, &[&TLS13], &[b"h2"]);
    // The server may close before it has read all of it.
    let _ = stream.write_all(&[&preface(), frames].concat()).and_then(|()| stream.flush());
    stream
}

/// The error code with which the server turns the connection away.
fn goaway(stream: &mut TlsStream) -> Option<u32> {
    let frame = std::iter::from_fn(|| frame(stream)).find(|frame| frame.kind == GOAWAY)?;
    Some(u32::from_be_bytes(frame.payload[4..8].try_into().unwrap()))
}

#[test]
fn http2_has_its_limits_announced() {
    let (_fake, server) = start("");
    let settings = frame(&mut open_http2(&server.http, &server, b"")).unwrap();
    assert_eq!(settings.kind, SETTINGS);
    let value = |id: u16| {
        let setting = settings.payload.chunks(6).find(|setting| setting[..2] == id.to_be_bytes())?;
        Some(u32::from_be_bytes(setting[2..].try_into().unwrap()))
    };
    // MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE (the default is left out), MAX_HEADER_LIST_SIZE.
    assert_eq!((value(3), value(4).unwrap_or(65_535), value(6)), (Some(100), 65_535, Some(16 * 1024)));
}

#[test]
fn floods_of_http2_frames_end_their_connection_and_no_other() {
    let (_fake, server) = start("");
    let open = |number: u32| framed(1, 5, number, &HEADERS);
    let rapid_reset: Vec<u8> =
        (0..5000).flat_map(|n| [open(2 * n + 1), framed(3, 0, 2 * n + 1, &8_u32.to_be_bytes())].concat()).collect();
    let continuation: Vec<u8> = framed(1, 1, 1, &HEADERS)
        .into_iter()
        .chain((0..200).flat_map(|_| framed(9, 0, 1, &[&[0x40, 0x7f, 0xa1, 0x0f][..], &[b'a'; 4096]].concat())))
        .collect();
    let too_large = framed(PING, 0, 0, &vec![0; 1 << 20]);
    // A window that overflows is an error of the stream, and one that a client can have the server make without end.
    let made_you_reset: Vec<u8> = (0..5000)
        .flat_map(|n| [framed(1, 4, 2 * n + 1, &HEADERS), framed(8, 0, 2 * n + 1, &0_u32.to_be_bytes())].concat())
        .collect();
    for (case, frames) in [
        ("rapid reset", rapid_reset),
        ("continuation", continuation),
        ("too large a frame", too_large),
        ("made you reset", made_you_reset),
    ] {
        let code = goaway(&mut open_http2(&server.http, &server, &frames));
        assert!(code.is_none_or(|code| code != 0), "{case}: {code:?}");
        log_in(&server, case);
    }
    assert_eq!(counted(&server, "connections"), 1, "theirs are closed");
}

/// `GET` of a path, as the headers of a stream.
fn get(stream: u32, path: &str) -> Vec<u8> {
    let length = u8::try_from(path.len()).unwrap();
    framed(1, 5, stream, &[&[0x82, 0x87, 0x04, length], path.as_bytes()].concat())
}

#[test]
fn answers_that_nobody_reads_end_their_connection_and_no_other() {
    // Something that `/readyz` has a lot to say about.
    let entries: String = (0..1000).map(|n| format!("- {{userarn: nonsense{n}, username: a}}\n")).collect();
    let fake = FakeAws::start().unwrap();
    let server = Program::new().configured(&format!("{MAPPINGS}\n{entries}")).start(&fake);
    for path in ["/readyz", "/metrics"] {
        let length = server.http.ask(Method::GET, path).body.len();
        let closed = counted(&server, "connections_closed_for_room_total");
        // INITIAL_WINDOW_SIZE is 0: nothing may be sent of a body.
        let no_window = framed(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
        // A MiB may wait: sixteen connections with a hundred KiB each are too many.
        let streams = u32::try_from(100 * 1024 / length + 1).unwrap();
        let asked: Vec<u8> = (0..streams).flat_map(|n| get(2 * n + 1, path)).collect();
        let mut unread = Vec::new();
        let began = Instant::now();
        while counted(&server, "connections_closed_for_room_total") == closed {
            if unread.len() < 16 {
                unread.push(open_http2(&server.http, &server, &[&no_window[..], &asked].concat()));
            }
            assert!(began.elapsed() < PATIENCE, "{path}: {} connections of {streams} streams", unread.len());
        }
        log_in(&server, path);
    }
    // Who reads may ask as often as they like.
    let closed = counted(&server, "connections_closed_for_room_total");
    let mut reader = open_http2(&server.http, &server, b"");
    let mut read = 0;
    for n in (1..).step_by(2) {
        reader.write_all(&get(n, "/readyz")).unwrap();
        loop {
            let frame = frame(&mut reader).unwrap();
            if frame.kind == DATA && !frame.payload.is_empty() {
                read += frame.payload.len();
                let more = u32::try_from(frame.payload.len()).unwrap().to_be_bytes();
                reader.write_all(&framed(WINDOW_UPDATE, 0, 0, &more)).unwrap();
            }
            if frame.kind == DATA && frame.flags & END_STREAM != 0 {
                break;
            }
        }
        if read > 2 << 20 {
            break;
        }
    }
    assert_eq!(counted(&server, "connections_closed_for_room_total"), closed);
}

#[test]
fn idle_pings_are_answered() {
    let (_fake, server) = start("");
    let mut stream = open_http2(&server.http, &server, &framed(PING, 0, 0, b"12345678"));
    let pong = std::iter::from_fn(|| frame(&mut stream)).find(|frame| frame.kind == PING).unwrap();
    assert_eq!(pong.payload, b"12345678");
}
