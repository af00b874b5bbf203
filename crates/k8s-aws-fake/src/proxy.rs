//! The HTTP `CONNECT` proxy (RFC 9110, section 9.3.6), whose tunnels all end at the fake's own TLS.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::endpoint::Endpoint;
use crate::fault::ConnectFault;
use crate::server::{self, Shared};
use crate::wire::Socket;

/// The head of a `CONNECT` request; real ones have a few hundred bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Serves one client of the proxy. The tunnel needs no connection of its own: the client's is handed to the TLS server,
/// so that resets and ends reach the client as they would without a proxy.
pub(crate) async fn serve(shared: Arc<Shared>, tcp: TcpStream) {
    let (control, journal) = (Arc::default(), shared.journal.clone());
    let mut socket = Socket { tcp, prefix: Bytes::new(), control, journal };
    // A client that leaves before there is a tunnel is none of ours.
    if let Ok(true) = open_tunnel(&shared, &mut socket).await {
        server::serve(shared, socket).await;
    }
}

/// Whether there is a tunnel now.
async fn open_tunnel(shared: &Shared, socket: &mut Socket) -> io::Result<bool> {
    let Some((head, rest)) = read_head(&mut socket.tcp).await? else {
        return refuse(shared, socket, "431 Request Header Fields Too Large").await;
    };
    let Some(host) = target(&head) else {
        return refuse(shared, socket, "403 Forbidden").await;
    };
    match shared.rules.on_connect(&host) {
        Some((rule, ConnectFault::Hold)) => rule.cleared().await,
        Some((_, ConnectFault::Refuse(status))) => {
            let line = format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or("Refused"));
            return refuse(shared, socket, &line).await;
        }
        Some((_, fault @ (ConnectFault::Close | ConnectFault::Reset))) => {
            socket.control.set_reset(matches!(fault, ConnectFault::Reset));
            shared.journal.count(|c| c.connects_refused += 1);
            return Ok(false);
        }
        None => {}
    }
    shared.journal.count(|c| c.connects += 1);
    socket.tcp.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    socket.prefix = rest;
    Ok(true)
}

async fn refuse(shared: &Shared, socket: &mut Socket, status: &str) -> io::Result<bool> {
    shared.journal.count(|c| c.connects_refused += 1);
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    socket.tcp.write_all(answer.as_bytes()).await?;
    socket.tcp.shutdown().await?;
    Ok(false)
}

/// The head of the request and what came after it; `None` if it is too long.
async fn read_head(tcp: &mut TcpStream) -> io::Result<Option<(Bytes, Bytes)>> {
    let mut read = BytesMut::with_capacity(1024);
    loop {
        if let Some(end) = read.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = read.split_to(end + 4).freeze();
            return Ok(Some((head, read.freeze())));
        }
        if read.len() >= MAX_HEAD_BYTES {
            return Ok(None);
        }
        if tcp.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The host of AWS that the client wants a tunnel to; `None` for whatever else it wants.
fn target(head: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(head).ok()?.lines().next()?;
    let authority = line.strip_prefix("CONNECT ")?.strip_suffix(" HTTP/1.1").or_else(|| {
        let http_1_0 = line.strip_prefix("CONNECT ")?;
        http_1_0.strip_suffix(" HTTP/1.0")
    })?;
    let host = authority.strip_suffix(":443")?.to_ascii_lowercase();
    Endpoint::of(&host).is_some().then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunnels_lead_to_port_443_of_aws_only() {
        let want = |line: &str| target(format!("{line}\r\nHost: x\r\n\r\n").as_bytes());
        assert_eq!(want("CONNECT sts.amazonaws.com:443 HTTP/1.1").as_deref(), Some("sts.amazonaws.com"));
        assert_eq!(want("CONNECT STS.amazonaws.com:443 HTTP/1.0").as_deref(), Some("sts.amazonaws.com"));
        for line in [
            "CONNECT sts.amazonaws.com:80 HTTP/1.1",
            "CONNECT sts.amazonaws.com HTTP/1.1",
            "CONNECT example.com:443 HTTP/1.1",
            "CONNECT 127.0.0.1:443 HTTP/1.1",
            "CONNECT sts.amazonaws.com.evil.example:443 HTTP/1.1",
            "GET http://sts.amazonaws.com/ HTTP/1.1",
            "connect sts.amazonaws.com:443 HTTP/1.1",
            "",
        ] {
            assert_eq!(want(line), None, "{line}");
        }
    }
}
