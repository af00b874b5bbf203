//! The two requests of a source, and the reading of what a watch tells.

use super::Objects;
use super::connection::{Connection, refused};
use super::wire::{self, Event, List, Object};
use crate::KubeError;
use http::Request;
use http_body_util::BodyExt;
use kube::client::Body;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How many objects a page of a list has.
const PAGE: usize = 250;
/// After how many seconds the API server is to end a watch; by chance up to a quarter more. A connection that is dead without
/// a word is found out by that.
const WATCH_SECONDS: u64 = 120;
/// How much later than that a watch counts as dead.
const GRACE: Duration = Duration::from_secs(15);
/// The longest event: one object, see the limit of an answer.
const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

/// Where the objects of a source are.
pub(crate) struct Place {
    pub(crate) path: &'static str,
    /// The parameter that picks the wanted ones, with `&` before it; percent-encoded.
    pub(crate) selector: &'static str,
}

impl Place {
    /// Lists all objects; gives the version that they were read at.
    pub(crate) async fn list(
        &self,
        connection: &mut Connection,
        objects: &mut dyn Objects,
    ) -> Result<String, KubeError> {
        objects.begin();
        let mut version = None;
        let mut more = String::new();
        loop {
            // No resource version: the API server then answers with what holds, not with what it remembers.
            let query = format!("limit={PAGE}{}{more}", self.selector);
            let page = connection.fetch(get(self.path, &query)?).await?;
            let list: List<'_> = wire::read(&page, "it is no list of objects")?;
            for item in list.items.unwrap_or_default() {
                objects.listed(item)?;
            }
            // All pages are of the moment of the first.
            version.get_or_insert(list.metadata.resource_version);
            match list.metadata.more.filter(|token| !token.is_empty()) {
                Some(token) => more = format!("&continue={}", encoded(&token)),
                None => break,
            }
        }
        objects.end();
        Ok(version.unwrap_or_default())
    }

    /// Watches from a version on.
    pub(crate) async fn watch(&self, connection: &mut Connection, from: &str) -> Result<Watch, KubeError> {
        let chance = RandomState::new().build_hasher().finish();
        let seconds = WATCH_SECONDS + chance % (WATCH_SECONDS / 4);
        let (from, selector) = (encoded(from), self.selector);
        let query =
            format!("watch=true&allowWatchBookmarks=true&timeoutSeconds={seconds}&resourceVersion={from}{selector}");
        let body = connection.send(get(self.path, &query)?).await?.into_body();
        let opened = Instant::now();
        let deadline = opened + Duration::from_secs(seconds) + GRACE;
        Ok(Watch { body, buffer: Vec::new(), opened, deadline })
    }
}

pub(crate) enum Read {
    More,
    Ended,
}

/// What some events came to.
#[derive(Default)]
pub(crate) struct Applied {
    pub(crate) changed: bool,
    /// The version up to which the objects are known now, if it is another.
    pub(crate) version: Option<String>,
}

/// A watch that is open.
pub(crate) struct Watch {
    body: Body,
    buffer: Vec<u8>,
    opened: Instant,
    deadline: Instant,
}

impl Watch {
    pub(crate) fn lasted(&self) -> Duration {
        self.opened.elapsed()
    }

    /// Waits for more. Cancel safe.
    pub(crate) async fn read(&mut self) -> Result<Read, KubeError> {
        let limit = self.deadline.duration_since(self.opened);
        match timeout_at(self.deadline, self.body.frame()).await {
            Err(_) => Err(KubeError::Timeout { limit }),
            Ok(None) if !self.buffer.is_empty() => Err(KubeError::Malformed { problem: "it ends within an event" }),
            Ok(None) => Ok(Read::Ended),
            Ok(Some(Err(error))) => Err(KubeError::Unreachable { problem: error.to_string() }),
            Ok(Some(Ok(frame))) => {
                self.buffer.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
                if self.buffer.len() > MAX_EVENT_BYTES {
                    return Err(KubeError::Malformed { problem: "an event is too long" });
                }
                Ok(Read::More)
            }
        }
    }

    /// Tells the objects what the events say that are complete.
    pub(crate) fn apply(&mut self, objects: &mut dyn Objects) -> Result<Applied, KubeError> {
        let mut applied = Applied::default();
        let lines = wire::complete_lines(&mut self.buffer);
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
            let event: Event<'_> = wire::read(line, "an event is not one")?;
            match event.what {
                "ADDED" | "MODIFIED" => applied.changed |= objects.put(event.object)?,
                "DELETED" => applied.changed |= objects.delete(event.object)?,
                "BOOKMARK" => {}
                "ERROR" => return Err(refused(200, event.object.get().as_bytes())),
                _ => continue,
            }
            let object: Object = wire::read(event.object.get().as_bytes(), "an object has no version")?;
            applied.version = Some(object.metadata.resource_version);
        }
        Ok(applied)
    }
}

fn get(path: &str, query: &str) -> Result<Request<Vec<u8>>, KubeError> {
    let request = Request::get(format!("{path}?{query}")).header(http::header::ACCEPT, "application/json");
    request.body(Vec::new()).map_err(|_| KubeError::Malformed { problem: "a version or page token is no text" })
}

/// Everything but letters and digits escaped.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}
