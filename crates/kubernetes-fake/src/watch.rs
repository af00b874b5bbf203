//! Watches: the changes since a version, and those that come.

use crate::record::parameter;
use crate::server::Shared;
use crate::store::{Refusal, Selection, Store};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// A watch that somebody asked for.
pub(crate) struct Watch {
    selection: Selection,
    /// Changes up to this version are not news.
    seen: u64,
    /// Whether the objects that there are come first.
    from_start: bool,
    /// Whether the end of those is marked.
    mark: bool,
    bookmarks: Option<u64>,
    limit: Option<Duration>,
}

/// What there is to tell, and whether the watch ends with it.
struct News {
    lines: Vec<Bytes>,
    end: bool,
}

impl Watch {
    pub(crate) fn of(selection: Selection, query: &str, store: &Store) -> Result<Self, Refusal> {
        let is_set = |name: &str| parameter(query, name).is_some_and(|v| v == "true" || v == "1");
        let version = parameter(query, "resourceVersion").unwrap_or_default();
        let streamed = is_set("sendInitialEvents");
        if streamed && parameter(query, "resourceVersionMatch").as_deref() != Some("NotOlderThan") {
            return Err(Refusal::new(422, "resourceVersionMatch: sendInitialEvents goes with NotOlderThan alone"));
        }
        let from_start = streamed || matches!(version.as_str(), "" | "0");
        let seen = match from_start {
            true => 0,
            false => version.parse().map_err(|_| Refusal::new(400, "resourceVersion: Invalid value"))?,
        };
        let bookmarks = is_set("allowWatchBookmarks");
        let limit = parameter(query, "timeoutSeconds").and_then(|s| s.parse().ok()).map(Duration::from_secs);
        let mark = streamed && bookmarks;
        Ok(Self { selection, seen, from_start, mark, bookmarks: bookmarks.then_some(store.bookmarks), limit })
    }

    /// Tells what happens, until somebody ends it.
    pub(crate) async fn tell(mut self, shared: Arc<Shared>, lines: mpsc::Sender<Bytes>) {
        let (mut changed, mut ended) = (shared.changed.subscribe(), shared.watches_end.subscribe());
        let limit = self.limit;
        let limit = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(limit);
        let mut ending = false;
        loop {
            let news = self.news(&shared.store());
            for line in news.lines {
                if lines.send(line).await.is_err() {
                    return;
                }
            }
            if news.end || ending {
                return;
            }
            tokio::select! {
                _ = changed.changed() => {}
                // What happened before the end is told before it.
                _ = ended.changed() => ending = true,
                () = &mut limit => ending = true,
                () = lines.closed() => return,
            }
        }
    }

    fn news(&mut self, store: &Store) -> News {
        let mut lines = Vec::new();
        if std::mem::take(&mut self.from_start) {
            lines.extend(store.select(&self.selection).map(|(_, object)| line("ADDED", object)));
            self.seen = store.version;
            if self.mark {
                lines.push(self.bookmark(store, &json!({"k8s.io/initial-events-end": "true"})));
            }
        }
        if self.seen < store.compacted {
            let gone = Refusal::new(410, format!("too old resource version: {} ({})", self.seen, store.compacted));
            return News { lines: vec![line("ERROR", &gone.to_status())], end: true };
        }
        let changes = store.history.iter().filter(|change| change.version > self.seen);
        lines.extend(changes.filter(|c| self.selection.holds(&c.key)).map(|change| line(change.what, &change.object)));
        self.seen = self.seen.max(store.version);
        if self.bookmarks.is_some_and(|sent| sent < store.bookmarks) {
            self.bookmarks = Some(store.bookmarks);
            lines.push(self.bookmark(store, &Value::Null));
        }
        News { lines, end: false }
    }

    fn bookmark(&self, store: &Store, annotations: &Value) -> Bytes {
        let resource = &store.resources[self.selection.resource];
        let mut meta = json!({"resourceVersion": store.version.to_string(), "creationTimestamp": null});
        if !annotations.is_null() {
            meta["annotations"] = annotations.clone();
        }
        line("BOOKMARK", &json!({"apiVersion": resource.api_version(), "kind": resource.kind, "metadata": meta}))
    }
}

fn line(what: &str, object: &Value) -> Bytes {
    format!("{}\n", json!({"type": what, "object": object})).into()
}
