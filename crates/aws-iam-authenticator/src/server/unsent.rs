//! The bodies of answers, for as long as they wait for a client to read them.

use super::connections::Connection;
use bytes::Bytes;
use std::sync::Arc;

/// What an answer takes besides its body, about: its head, and its stream.
const HEAD: usize = 1024;

/// The body of an answer, which counts among those that wait until the last of its bytes is handed to the connection, or the
/// connection ends.
///
/// A client of HTTP/2 can ask a hundred times over one connection, and read nothing. The answers to reviews do not count: those
/// that strangers can get are smaller than their questions, and many may be given at the same moment.
pub(super) fn unsent(body: Bytes, connection: &Arc<Connection>) -> Bytes {
    let counted = HEAD + body.len();
    connection.hold(counted);
    Bytes::from_owner(Unsent { body, counted, connection: connection.clone() })
}

struct Unsent {
    body: Bytes,
    counted: usize,
    connection: Arc<Connection>,
}

impl AsRef<[u8]> for Unsent {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.connection.let_go(self.counted);
    }
}

#[cfg(test)]
mod tests {
    use super::super::connections::{Connections, Due};
    use super::*;

    #[tokio::test]
    async fn answers_that_wait_are_counted_until_they_are_gone_and_the_one_with_the_most_has_to_go() {
        let all = Connections::new(2);
        let (few, many) = (Arc::new(all.admit().await), Arc::new(all.admit().await));
        let page = || Bytes::from(vec![b'a'; 100 * 1024]);
        // Whoever reads may ask as often as they like.
        (0..100).for_each(|_| drop(unsent(page(), &few)));
        let waiting: Vec<Bytes> = (0..4).map(|_| unsent(page(), &few)).collect();
        assert_eq!(waiting[0], page());
        let mut more: Vec<Bytes> = (0..6).map(|_| unsent(page(), &many)).collect();
        assert_eq!(all.count().1, 0);
        // As long as any part of it is there, so is all of it.
        let part = more[0].slice(7..8);
        more.clear();
        more.extend((0..5).map(|_| unsent(page(), &many)));
        assert_eq!(all.count().1, 0);
        more.push(unsent(page(), &many));
        assert_eq!((few.due(true), many.due(true) == Due::Now), (few.due(true), true));
        assert_ne!(few.due(true), Due::Now);
        drop((part, waiting, more));
    }
}
