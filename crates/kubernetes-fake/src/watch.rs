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
        let version = parameter(query, "resourceVersion").unwrap_or_default();
        let from_start = matches!(version.as_str(), "" | "0");
        let seen = match from_start {
            true => 0,
            false => version.parse().map_err(|_| Refusal::new(400, "resourceVersion: Invalid value"))?,
        };
        let bookmarks = parameter(query, "allowWatchBookmarks").is_some_and(|v| v == "true" || v == "1");
        let limit = parameter(query, "timeoutSeconds").and_then(|s| s.parse().ok()).map(Duration::from_secs);
        Ok(Self { selection, seen, from_start, bookmarks: bookmarks.then_some(store.bookmarks), limit })
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
        }
        if self.seen < store.compacted {
            let gone = Refusal::new(410, format!("too old resource version: {} ({})", self.seen, store.compacted));
            return News { lines: vec![line("ERROR", &gone.to_status())], end: true };
        }
        let changes = store.history.iter().filter(|change| change.version > self.seen);
        lines.extend(changes.filter(|c| self.selection.holds(&c.key)).map(|change| line(change.what, &change.object)));
        self.seen = self.seen.max(store.version);
        if let Some(sent) = &mut self.bookmarks
            && *sent < store.bookmarks
        {
            *sent = store.bookmarks;
            let resource = &store.resources[self.selection.resource];
            let bookmark = json!({
                "apiVersion": resource.api_version(),
                "kind": resource.kind,
                "metadata": {"resourceVersion": store.version.to_string(), "creationTimestamp": null},
            });
            lines.push(line("BOOKMARK", &bookmark));
        }
        News { lines, end: false }
    }
}

fn line(what: &str, object: &Value) -> Bytes {
    format!("{}\n", json!({"type": what, "object": object})).into()
}
