//! The chain of backends at one moment.

use crate::{BackendMode, Document, Finding, ReservedPrefixes};
use std::sync::Arc;

/// What holds for the whole chain.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether `sso` rules work (the feature gate `SSORoleMatch`).
    pub sso_role_match: bool,
    /// The reserved prefixes.
    pub reserved: ReservedPrefixes,
}

/// One backend of a [`Snapshot`]: its mode, and its document once there is one.
#[derive(Clone, Debug)]
pub struct Backend {
    pub(crate) mode: BackendMode,
    pub(crate) document: Option<Document>,
}

impl Backend {
    /// A backend that has told its mappings.
    pub fn synced(mode: BackendMode, document: Document) -> Self {
        Self { mode, document: Some(document) }
    }

    /// A backend that has not told its mappings yet. It holds up no other: what another backend maps is mapped.
    pub fn not_synced(mode: BackendMode) -> Self {
        Self { mode, document: None }
    }

    /// The mode.
    pub fn mode(&self) -> BackendMode {
        self.mode
    }

    /// The mappings; none while not synced.
    pub fn document(&self) -> Option<&Document> {
        self.document.as_ref()
    }
}

/// All mappings at one moment: immutable, cheap to clone and to share between threads.
///
/// To change mappings, make another one and swap it in; documents are shared, not copied.
///
/// [`resolve`](Self::resolve) maps a caller, [`explain`](Self::explain) tells why it does so.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) backends: Vec<Backend>,
    pub(crate) options: Options,
}

impl Snapshot {
    /// A snapshot of some backends, asked in this order.
    pub fn new(backends: impl IntoIterator<Item = Backend>, options: Options) -> Self {
        Self { inner: Arc::new(Inner { backends: backends.into_iter().collect(), options }) }
    }

    /// The backends in their order.
    pub fn backends(&self) -> &[Backend] {
        &self.inner.backends
    }

    /// What holds for the whole chain.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// The findings of every synced backend.
    pub fn findings(&self) -> impl Iterator<Item = (BackendMode, &Finding)> {
        let synced = self.inner.backends.iter().filter_map(|b| Some((b.mode, b.document.as_ref()?)));
        synced.flat_map(|(mode, document)| document.findings().iter().map(move |f| (mode, f)))
    }

    /// The backends that have not told their mappings.
    pub fn not_synced(&self) -> impl Iterator<Item = BackendMode> + '_ {
        self.inner.backends.iter().filter(|b| b.document.is_none()).map(|b| b.mode)
    }
}

/// The current document of every backend, from which snapshots are made.
///
/// Keeps the last good lists where a new document has unreadable ones, and the documents of backends that are switched
/// off for a while (`dynamicBackendModePath`).
///
/// ```
/// use k8s_aws_mapping::{BackendMode, Document, Engine, Options};
///
/// let mut engine = Engine::new([BackendMode::MountedFile, BackendMode::EksConfigMap], Options::default());
/// engine.load(BackendMode::MountedFile, Document::empty());
/// let snapshot = engine.snapshot();
/// assert_eq!(snapshot.not_synced().collect::<Vec<_>>(), [BackendMode::EksConfigMap]);
/// ```
#[derive(Clone, Debug)]
pub struct Engine {
    modes: Vec<BackendMode>,
    documents: Vec<(BackendMode, Document)>,
    options: Options,
}

impl Engine {
    /// An engine for a chain of backends, none of them synced.
    pub fn new(modes: impl IntoIterator<Item = BackendMode>, options: Options) -> Self {
        Self { modes: modes.into_iter().collect(), documents: Vec::new(), options }
    }

    /// Takes what a backend says now. A list that cannot be read stays as it was.
    pub fn load(&mut self, mode: BackendMode, document: Document) {
        match self.documents.iter_mut().find(|(m, _)| *m == mode) {
            Some((_, last)) => *last = document.keeping(last),
            None => self.documents.push((mode, document)),
        }
    }

    /// Forgets what a backend said; it counts as not synced until it is loaded again.
    pub fn forget(&mut self, mode: BackendMode) {
        self.documents.retain(|(m, _)| *m != mode);
    }

    /// Switches the chain.
    pub fn set_modes(&mut self, modes: impl IntoIterator<Item = BackendMode>) {
        self.modes = modes.into_iter().collect();
    }

    /// Changes what holds for the whole chain.
    pub fn set_options(&mut self, options: Options) {
        self.options = options;
    }

    /// The mappings as they are now.
    pub fn snapshot(&self) -> Snapshot {
        let backend = |mode: &BackendMode| {
            let document = self.documents.iter().find(|(m, _)| m == mode).map(|(_, d)| d.clone());
            Backend { mode: *mode, document }
        };
        Snapshot::new(self.modes.iter().map(backend), self.options.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Resolution;
    use k8s_aws_identity::{AccessKeyId, CallerIdentity};

    const GOOD: &str = "- userarn: arn:aws:iam::123456789012:user/bob\n  username: bob\n";

    fn document(users: &str) -> Document {
        Document::from_aws_auth([("mapUsers", users)])
    }

    fn bob(snapshot: &Snapshot) -> Option<String> {
        let key = AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap();
        let arn = "arn:aws:iam::123456789012:user/bob";
        let caller = CallerIdentity::new(arn, "123456789012", "AIDAIOSFODNN7EXAMPLE", key).unwrap();
        match snapshot.resolve(&caller) {
            Resolution::Mapped(user) => Some(user.username),
            _ => None,
        }
    }

    #[test]
    fn what_cannot_be_read_changes_nothing_and_what_can_be_read_takes_effect() {
        let mode = BackendMode::EksConfigMap;
        let mut engine = Engine::new([mode], Options::default());
        assert_eq!(engine.snapshot().not_synced().count(), 1);
        engine.load(mode, document(GOOD));
        let first = engine.snapshot();
        engine.load(mode, document("userarn: x\n"));
        assert_eq!(bob(&engine.snapshot()).as_deref(), Some("bob"), "unreadable: the last good list stays");
        assert!(engine.snapshot().findings().any(|(m, f)| m == mode && f.code == crate::Code::Unreadable));
        engine.load(mode, document("userarn: still x\n"));
        assert_eq!(bob(&engine.snapshot()).as_deref(), Some("bob"), "also the second time");
        engine.load(mode, document("[]\n"));
        assert_eq!(bob(&engine.snapshot()), None, "a removal that can be read");
        assert_eq!(bob(&first).as_deref(), Some("bob"), "snapshots never change");
        engine.load(mode, document(GOOD));
        engine.set_modes([BackendMode::MountedFile]);
        assert_eq!(bob(&engine.snapshot()), None);
        engine.set_modes([BackendMode::MountedFile, mode]);
        assert_eq!(bob(&engine.snapshot()).as_deref(), Some("bob"), "switched off is not forgotten");
        engine.forget(mode);
        assert_eq!(engine.snapshot().not_synced().count(), 2);
    }

    #[test]
    fn options_hold_for_the_snapshots_made_from_then_on() {
        let mode = BackendMode::EksConfigMap;
        let mut engine = Engine::new([mode], Options::default());
        engine.load(mode, document(GOOD));
        let before = engine.snapshot();
        let mut reserved = ReservedPrefixes::default();
        reserved.reserve_usernames(mode, ["bo"]);
        engine.set_options(Options { reserved, ..Options::default() });
        assert_eq!(bob(&engine.snapshot()), None);
        assert_eq!(bob(&before).as_deref(), Some("bob"));
    }

    #[test]
    fn snapshots_can_be_shared_between_threads() {
        fn shared<T: Send + Sync + Clone>(_: &T) {}
        shared(&Engine::new([], Options::default()).snapshot());
    }
}
