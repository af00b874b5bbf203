use k8s_aws_identity::StsEndpoint;

/// The STS hosts that tokens may name: a list, made once, that no client can add to.
#[derive(Clone, Debug)]
pub struct Hosts {
    /// Sorted by host, each once.
    endpoints: Box<[StsEndpoint]>,
    home: Option<HostId>,
}

/// A host of a list of [`Hosts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HostId(pub(super) usize);

impl Hosts {
    /// These hosts; capacity is kept for `home`, if it is one of them.
    pub fn new(endpoints: impl IntoIterator<Item = StsEndpoint>, home: Option<&StsEndpoint>) -> Self {
        let mut endpoints: Vec<_> = endpoints.into_iter().collect();
        endpoints.sort_unstable_by(|a, b| a.host().cmp(b.host()));
        endpoints.dedup_by(|a, b| a.host() == b.host());
        let mut hosts = Self { endpoints: endpoints.into(), home: None };
        hosts.home = home.and_then(|home| hosts.find(home));
        hosts
    }

    /// The host of an endpoint.
    pub fn find(&self, endpoint: &StsEndpoint) -> Option<HostId> {
        self.endpoints.binary_search_by(|e| e.host().cmp(endpoint.host())).ok().map(HostId)
    }

    /// The host that capacity is kept for.
    pub fn home(&self) -> Option<HostId> {
        self.home
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.endpoints.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
    }
}
