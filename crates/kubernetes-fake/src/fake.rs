use crate::fault::{Fault, Faults};
use crate::kubeconfig::kubeconfig;
use crate::record::{Journal, Recorded};
use crate::resource::{Resource, Target};
use crate::server::{self, Shared, by_tokens};
use crate::store::{Key, Selection, Store};
use crate::tls;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// Settings of a fake that is not running yet.
#[derive(Default)]
pub struct Builder {
    resources: Vec<Resource>,
    tokens: Vec<String>,
    tls: bool,
}

impl Builder {
    /// Knows another kind of object. Kinds that are known already are replaced.
    #[must_use]
    pub fn resource(mut self, resource: Resource) -> Self {
        self.resources.push(resource);
        self
    }

    /// Lets nobody in without a bearer token, this one or another that is named. The first is in the kubeconfig.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.tokens.push(token.to_owned());
        self
    }

    /// Speaks TLS, with a certificate of its own CA, which is in the kubeconfig.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// If the machine has no loopback port or thread to give.
    #[expect(clippy::unwrap_used, reason = "a test that cannot have its server ends here")]
    pub fn start(self) -> FakeKubernetes {
        let mut resources = Resource::standard();
        for resource in self.resources {
            resources.retain(|r| r.kind != resource.kind || r.group != resource.group);
            resources.push(resource);
        }
        let (acceptor, ca) = self.tls.then(|| tls::make().unwrap()).unzip();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            store: Mutex::new(Store { resources, ..Store::default() }),
            journal: Journal::default(),
            faults: Faults::default(),
            down: AtomicBool::new(false),
            changed: watch::Sender::default(),
            watches_end: watch::Sender::default(),
            breaks: watch::Sender::default(),
            authenticate: RwLock::new(by_tokens(self.tokens.clone())),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = shared.clone();
        let serve = move || {
            runtime.block_on(async {
                tokio::spawn(server::accept(tokio::net::TcpListener::from_std(listener).unwrap(), serving, acceptor));
                // A word from `drop`, or `drop` itself.
                let _ = stopped.await;
            });
        };
        let thread = std::thread::Builder::new().name("kubernetes-fake".into()).spawn(serve).unwrap();
        let token = self.tokens.into_iter().next();
        FakeKubernetes { shared, address, token, ca, stop: Some(stop), thread: Some(thread) }
    }
}

/// A fake API server that is running, in a thread of its own: its methods may be called from async code and from blocking code.
/// Dropping it closes every connection.
pub struct FakeKubernetes {
    shared: Arc<Shared>,
    address: SocketAddr,
    token: Option<String>,
    ca: Option<String>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// As a client: where it is, and who may ask.
impl FakeKubernetes {
    /// Settings to start with: plain HTTP, no authentication.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts one with those settings.
    pub fn start() -> Self {
        Builder::default().start()
    }

    /// `http://127.0.0.1:<port>`, or `https`.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.ca.is_some() { "https" } else { "http" }, self.address)
    }

    /// The CA certificate in PEM, if it speaks TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca.as_deref()
    }

    /// The text of a kubeconfig for it, with one context, `test`.
    pub fn kubeconfig(&self) -> String {
        self.kubeconfig_of(&self.token.as_ref().map_or(json!({}), |token| json!({"token": token})))
    }

    /// The text of a kubeconfig for it with these credentials, such as `{"tokenFile": "/path"}`. JSON is YAML.
    pub fn kubeconfig_of(&self, user: &Value) -> String {
        kubeconfig(&self.url(), self.ca_pem(), user)
    }

    /// From now on these bearer tokens are good and no others; none at all lets everybody in.
    pub fn set_tokens(&self, tokens: &[&str]) {
        let tokens = tokens.iter().map(|token| (*token).to_owned()).collect();
        *self.shared.authenticate.write().unwrap_or_else(PoisonError::into_inner) = by_tokens(tokens);
    }

    /// From now on this decides who the bearer of a token is: a `UserInfo`, which `SelfSubjectReview` shows, or nobody (401).
    /// Requests without a token ask with `None`.
    pub fn authenticate_by(&self, authenticate: impl Fn(Option<&str>) -> Option<Value> + Send + Sync + 'static) {
        *self.shared.authenticate.write().unwrap_or_else(PoisonError::into_inner) = Box::new(authenticate);
    }
}

/// As an administrator: the objects.
impl FakeKubernetes {
    /// Creates an object, or puts it in the place of the one of its name; gives it as it is then. `status` is taken over too.
    ///
    /// # Panics
    /// If the object is of no known kind or has no name.
    pub fn apply(&self, object: Value) -> Value {
        let mut store = self.shared.store();
        let said = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (said("apiVersion"), said("kind"));
        let resource = store.resources.iter().position(|r| r.kind == kind && r.api_version() == api_version);
        let resource = resource.unwrap_or_else(|| panic!("there is no kind {kind} in {api_version}"));
        let (namespace, name) = (object["metadata"]["namespace"].as_str().map(str::to_owned), None);
        let key = store.key(&Target { resource, namespace, name, status: false }, &object);
        let key = key.unwrap_or_else(|refusal| panic!("not an object: {}", refusal.message));
        let status = object["status"].clone();
        let mut next = object;
        if let Value::Object(meta) = &mut next["metadata"] {
            meta.remove("resourceVersion");
        }
        let applied = match store.get(&key) {
            Err(_) => store.create(key.clone(), next),
            Ok(_) => store.replace(key.clone(), next, false),
        };
        let applied = match status {
            Value::Null => applied,
            status if store.resources[resource].status => {
                applied.and_then(|_| store.replace(key, json!({"status": status}), true))
            }
            _ => applied,
        };
        drop(store);
        self.shared.changed.send_replace(());
        match applied {
            Ok(object) => (*object).clone(),
            Err(refusal) => panic!("not applied: {}", refusal.message),
        }
    }

    /// An object; the namespace is empty for kinds that are in none.
    pub fn object(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let store = self.shared.store();
        let key = key(&store, kind, namespace, name)?;
        store.get(&key).ok().map(|object| (*object).clone())
    }

    /// The objects of a kind, by namespace and name.
    pub fn objects(&self, kind: &str) -> Vec<Value> {
        let store = self.shared.store();
        let Some((resource, ..)) = key(&store, kind, "", "") else { return Vec::new() };
        store.select(&Selection { resource, namespace: None, name: None }).map(|(_, o)| (**o).clone()).collect()
    }

    /// Deletes an object. False if there was none.
    pub fn delete(&self, kind: &str, namespace: &str, name: &str) -> bool {
        let mut store = self.shared.store();
        let deleted = key(&store, kind, namespace, name).is_some_and(|key| store.delete(&key).is_ok());
        drop(store);
        self.shared.changed.send_replace(());
        deleted
    }
}

/// As its own operator: watches, outages, faults, and what was asked.
impl FakeKubernetes {
    /// Sends a bookmark to every watch that wants any.
    pub fn bookmark(&self) {
        self.shared.store().bookmarks += 1;
        self.shared.changed.send_replace(());
    }

    /// Forgets what happened up to now: a watch that wants to go on from an older version gets 410.
    pub fn compact(&self) {
        self.shared.store().compact();
    }

    /// Ends every watch as an API server does when its time is over.
    pub fn end_watches(&self) {
        self.shared.watches_end.send_replace(());
    }

    /// Breaks every connection in the middle of whatever goes over it.
    pub fn break_connections(&self) {
        self.shared.breaks.send_replace(());
    }

    /// Breaks every connection, and every new one at once.
    pub fn go_down(&self) {
        self.shared.down.store(true, Ordering::SeqCst);
        self.break_connections();
    }

    /// Accepts connections again.
    pub fn come_up(&self) {
        self.shared.down.store(false, Ordering::SeqCst);
    }

    /// Puts a fault in force for every request.
    pub fn inject(&self, fault: Fault) {
        self.inject_when(fault, |_| true);
    }

    /// Puts a fault in force for some requests. The first that fits counts.
    pub fn inject_when(&self, fault: Fault, when: impl Fn(&Recorded) -> bool + Send + Sync + 'static) {
        self.shared.faults.inject(fault, Box::new(when));
    }

    /// Clears all faults.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// Every request since the start, oldest first.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.journal.all()
    }

    /// Waits until the requests since the start are as wanted. `done` must not call the fake.
    pub async fn wait_until(&self, done: impl Fn(&[Recorded]) -> bool) {
        self.shared.journal.wait(done).await;
    }

    /// The same for blocking code. False if that took longer than `at_most`.
    #[must_use]
    pub fn wait_until_blocking(&self, done: impl Fn(&[Recorded]) -> bool, at_most: Duration) -> bool {
        self.shared.journal.wait_blocking(done, at_most)
    }
}

fn key(store: &Store, kind: &str, namespace: &str, name: &str) -> Option<Key> {
    let resource = store.resources.iter().position(|r| r.kind == kind)?;
    Some((resource, namespace.to_owned(), name.to_owned()))
}

impl Drop for FakeKubernetes {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
