//! The fake as its user holds it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::clock::FakeClock;
use crate::directory::{Credential, Directory, Identity};
use crate::error::StartError;
use crate::fault::Fault;
use crate::instances::{Instance, Instances};
use crate::issuer::Issuer;
use crate::record::{Call, Counts, Journal};
use crate::rules::{Injected, Rules};
use crate::server::{self, Shared};
use crate::tls::Tls;
use crate::{metadata, proxy, samples};

/// How many requests are kept unless the builder says otherwise.
const DEFAULT_RECORD_LIMIT: usize = 4096;

/// How many instances are on a page unless the builder says otherwise: as many as EC2 puts there.
const DEFAULT_PAGE_SIZE: usize = 1000;

/// Settings of a fake that is to be started. Made by [`FakeAws::builder`].
#[derive(Debug)]
pub struct FakeAwsBuilder {
    clock: FakeClock,
    samples: bool,
    identities: Vec<(Credential, Identity)>,
    instances: Vec<Instance>,
    page_size: usize,
    record_limit: usize,
    worker_threads: usize,
    http2: bool,
}

impl FakeAwsBuilder {
    /// Judges signatures by this clock instead of the system's.
    #[must_use]
    pub fn clock(mut self, clock: &FakeClock) -> Self {
        self.clock = clock.clone();
        self
    }

    /// Knows this credential.
    #[must_use]
    pub fn identity(mut self, credential: Credential, identity: Identity) -> Self {
        self.identities.push((credential, identity));
        self
    }

    /// Knows this EC2 instance.
    #[must_use]
    pub fn instance(mut self, instance: Instance) -> Self {
        self.instances.push(instance);
        self
    }

    /// Puts at most so many instances on a page of `DescribeInstances`; 1000 unless set, and at least 1. A request may ask
    /// for fewer.
    #[must_use]
    pub fn page_size(mut self, instances: usize) -> Self {
        self.page_size = instances;
        self
    }

    /// Does not know the [`samples`].
    #[must_use]
    pub fn without_samples(mut self) -> Self {
        self.samples = false;
        self
    }

    /// Keeps the last `limit` requests (4096 unless set); 0 keeps none, which is faster. Counters always count.
    #[must_use]
    pub fn record_limit(mut self, limit: usize) -> Self {
        self.record_limit = limit;
        self
    }

    /// Serves with so many threads; 1 unless set, and at least 1.
    #[must_use]
    pub fn worker_threads(mut self, threads: usize) -> Self {
        self.worker_threads = threads.max(1);
        self
    }

    /// Offers HTTP/1.1 only, so that faults that need it reach clients that would choose HTTP/2.
    #[must_use]
    pub fn http1_only(mut self) -> Self {
        self.http2 = false;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// [`StartError`] if the machine has no loopback port, thread or temporary directory to give.
    pub fn start(self) -> Result<FakeAws, StartError> {
        let tls = Tls::new(self.http2)?;
        let dir = tempfile::Builder::new().prefix("k8s-aws-fake-").tempdir().map_err(StartError::CaFile)?;
        std::fs::write(dir.path().join(CA_FILE), &tls.ca_pem).map_err(StartError::CaFile)?;
        std::fs::write(dir.path().join(EMPTY_FILE), "").map_err(StartError::CaFile)?;
        let directory = Directory::default();
        let samples = if self.samples { samples::all() } else { Vec::new() };
        for (credential, identity) in samples.into_iter().map(|s| (s.credential, s.identity)).chain(self.identities) {
            directory.insert(credential, identity);
        }
        let instances = Instances::new(self.page_size);
        let sample = self.samples.then(samples::instance);
        for instance in sample.into_iter().chain(self.instances) {
            instances.insert(instance);
        }
        let journal = Arc::new(Journal::new(self.record_limit));
        let rules = Rules::new(journal.clone());
        let requests = AtomicU64::new(0);
        let issuer = Issuer::default();
        let shared = Shared { tls, directory, instances, issuer, rules, journal, clock: self.clock, requests };
        let shared = Arc::new(shared);
        let (tls_listener, tls_addr) = listen().map_err(StartError::Listen)?;
        let (proxy_listener, proxy_addr) = listen().map_err(StartError::Listen)?;
        let (metadata_listener, metadata_addr) = listen().map_err(StartError::Listen)?;
        let runtime = runtime(self.worker_threads).map_err(StartError::Thread)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = shared.clone();
        let serve = move || {
            runtime.block_on(async {
                let (Ok(tls), Ok(proxy), Ok(metadata)) = (
                    tokio::net::TcpListener::from_std(tls_listener),
                    tokio::net::TcpListener::from_std(proxy_listener),
                    tokio::net::TcpListener::from_std(metadata_listener),
                ) else {
                    return;
                };
                tokio::spawn(server::accept(tls, serving.clone(), server::serve_tcp));
                tokio::spawn(server::accept(proxy, serving.clone(), proxy::serve));
                tokio::spawn(server::accept(metadata, serving, metadata::serve));
                // Either way it is over: a word from `drop`, or `drop` itself.
                let _ = stopped.await;
            });
            // Dropping the runtime here cancels every task, whatever it waits for.
        };
        let thread =
            std::thread::Builder::new().name("k8s-aws-fake".into()).spawn(serve).map_err(StartError::Thread)?;
        let issued = AtomicU64::new(0);
        Ok(FakeAws { shared, dir, tls_addr, proxy_addr, metadata_addr, issued, stop: Some(stop), thread: Some(thread) })
    }
}

const CA_FILE: &str = "ca.pem";
const EMPTY_FILE: &str = "empty";

/// A fake AWS that is running. Dropping it closes every connection, ends its thread and removes its CA file.
///
/// It serves from a thread with a runtime of its own: methods may be called from async code and from blocking code.
#[derive(Debug)]
pub struct FakeAws {
    pub(crate) shared: Arc<Shared>,
    dir: TempDir,
    tls_addr: SocketAddr,
    proxy_addr: SocketAddr,
    pub(crate) metadata_addr: SocketAddr,
    issued: AtomicU64,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FakeAws {
    /// Settings to start with: the system's clock, the [`samples`], one thread, HTTP/2 and HTTP/1.1.
    pub fn builder() -> FakeAwsBuilder {
        FakeAwsBuilder {
            clock: FakeClock::system(),
            samples: true,
            identities: Vec::new(),
            instances: Vec::new(),
            page_size: DEFAULT_PAGE_SIZE,
            record_limit: DEFAULT_RECORD_LIMIT,
            worker_threads: 1,
            http2: true,
        }
    }

    /// Starts a fake with those settings.
    ///
    /// # Errors
    /// As [`FakeAwsBuilder::start`].
    pub fn start() -> Result<Self, StartError> {
        Self::builder().start()
    }

    /// `http://127.0.0.1:<port>`: the proxy that leads every host of AWS here and refuses every other.
    pub fn proxy_url(&self) -> String {
        format!("http://{}", self.proxy_addr)
    }

    /// Where the proxy listens.
    pub fn proxy_addr(&self) -> SocketAddr {
        self.proxy_addr
    }

    /// Where TLS is spoken without a proxy. The server name and the `Host` header say which endpoint is meant.
    pub fn tls_addr(&self) -> SocketAddr {
        self.tls_addr
    }

    /// The certificate of the test CA, in PEM. It is made anew at each start and issues for any server name.
    pub fn ca_pem(&self) -> &str {
        &self.shared.tls.ca_pem
    }

    /// A file with [`ca_pem`](Self::ca_pem), there as long as the fake.
    pub fn ca_file(&self) -> std::path::PathBuf {
        self.dir.path().join(CA_FILE)
    }

    /// The environment that leads an ordinary program to the fake: proxy and CA (`HTTPS_PROXY`, `AWS_CA_BUNDLE`,
    /// `SSL_CERT_FILE`), no exceptions from the proxy, no instance metadata, and no configuration files of the user's.
    ///
    /// Credentials are apart: [`Credential::env`].
    pub fn env(&self) -> Vec<(&'static str, String)> {
        let ca = self.ca_file().display().to_string();
        let empty = self.dir.path().join(EMPTY_FILE).display().to_string();
        vec![
            ("HTTPS_PROXY", self.proxy_url()),
            ("https_proxy", self.proxy_url()),
            ("NO_PROXY", String::new()),
            ("no_proxy", String::new()),
            ("AWS_CA_BUNDLE", ca.clone()),
            ("SSL_CERT_FILE", ca),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            ("AWS_CONFIG_FILE", empty.clone()),
            ("AWS_SHARED_CREDENTIALS_FILE", empty),
        ]
    }

    /// The clock by which signatures are judged.
    pub fn clock(&self) -> &FakeClock {
        &self.shared.clock
    }

    /// Makes up a credential of the right sort for `identity` and knows it from now on.
    pub fn issue(&self, identity: Identity) -> Credential {
        let seed = format!("issued {}", self.issued.fetch_add(1, Ordering::Relaxed));
        let credential = Credential::for_identity(&identity, &seed);
        self.add(credential.clone(), identity);
        credential
    }

    /// Knows this credential from now on; one with the same access key id is replaced.
    pub fn add(&self, credential: Credential, identity: Identity) {
        self.shared.directory.insert(credential, identity);
    }

    /// Does not know the credential any more (`InvalidClientTokenId`). False if it did not before.
    pub fn remove(&self, access_key_id: &str) -> bool {
        self.shared.directory.remove(access_key_id)
    }

    /// Makes a credential expire at a time (`ExpiredToken` from then on), or never. False if it is not known.
    pub fn set_expiry(&self, access_key_id: &str, at: Option<SystemTime>) -> bool {
        self.shared.directory.set_expiry(access_key_id, at)
    }

    /// Lets a credential describe instances, as all may at first, or not (`UnauthorizedOperation`). False if it is not known.
    pub fn set_may_describe_instances(&self, access_key_id: &str, may: bool) -> bool {
        self.shared.directory.set_may_describe_instances(access_key_id, may)
    }

    /// Knows this EC2 instance from now on; one with the same id is replaced.
    pub fn add_instance(&self, instance: Instance) {
        self.shared.instances.insert(instance);
    }

    /// Does not know the instance any more. False if it did not before.
    pub fn remove_instance(&self, id: &str) -> bool {
        self.shared.instances.remove(id)
    }

    /// Gives an instance a private DNS name, or takes it away. False if there is no such instance.
    pub fn set_private_dns_name(&self, id: &str, name: Option<&str>) -> bool {
        self.shared.instances.set_private_dns_name(id, name)
    }

    /// Puts at most so many instances on a page from now on; at least 1.
    pub fn set_page_size(&self, instances: usize) {
        self.shared.instances.set_page_size(instances);
    }

    /// Puts a fault in force.
    pub fn inject(&self, fault: Fault) -> Injected {
        self.shared.rules.inject(fault)
    }

    /// Clears all faults.
    pub fn clear_faults(&self) {
        self.shared.rules.remove(|_| true);
    }

    /// The counters.
    pub fn counts(&self) -> Counts {
        self.shared.journal.counts()
    }

    /// The last requests, oldest first; as many as the builder's record limit.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.journal.calls()
    }

    /// The same, and forgets them. Counters stay.
    pub fn take_calls(&self) -> Vec<Call> {
        self.shared.journal.take_calls()
    }

    /// Waits until there have been at least `n` requests since the start.
    pub async fn wait_for_calls(&self, n: u64) {
        self.wait_until(|counts| counts.calls >= n).await;
    }

    /// The same for blocking code. False if that took longer than `at_most`.
    #[must_use]
    pub fn wait_for_calls_blocking(&self, n: u64, at_most: Duration) -> bool {
        self.wait_until_blocking(|counts| counts.calls >= n, at_most)
    }

    /// Waits until the counters are as wanted. `done` is called with a lock held: it must not call the fake.
    pub async fn wait_until(&self, done: impl Fn(&Counts) -> bool) {
        self.shared.journal.wait(done).await;
    }

    /// The same for blocking code. False if that took longer than `at_most`.
    #[must_use]
    pub fn wait_until_blocking(&self, done: impl Fn(&Counts) -> bool, at_most: Duration) -> bool {
        self.shared.journal.wait_blocking(done, at_most)
    }
}

impl Drop for FakeAws {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of a task does not come here, and there is nobody to tell of another.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

fn listen() -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

fn runtime(threads: usize) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        n => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(n).thread_name("k8s-aws-fake");
            builder
        }
    };
    builder.enable_all().build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_the_fake_closes_its_ports_and_removes_its_file() {
        let fake = FakeAws::start().unwrap();
        let (addr, file) = (fake.tls_addr(), fake.ca_file());
        assert!(file.exists());
        assert!(std::net::TcpStream::connect(addr).is_ok());
        drop(fake);
        assert!(!file.exists());
        assert!(std::net::TcpStream::connect(addr).is_err());
    }

    #[test]
    fn expiry_and_removal_are_refused_for_unknown_keys() {
        let fake = FakeAws::builder().without_samples().start().unwrap();
        let key = samples::user().credential.access_key_id().to_owned();
        assert!(!fake.remove(&key));
        assert!(!fake.set_expiry(&key, None));
    }
}
