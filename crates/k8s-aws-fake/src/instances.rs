//! The EC2 instances that the fake knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::sync::{read, write};

/// An EC2 instance, as `DescribeInstances` tells of it. Put there by [`FakeAws::add_instance`](crate::FakeAws::add_instance).
///
/// ```
/// use k8s_aws_fake::{FakeAws, Instance};
///
/// let fake = FakeAws::start()?;
/// fake.add_instance(Instance::new("i-0000000000000cafe", "111122223333", "eu-west-1"));
/// // EC2 tells the name of a new instance late.
/// assert!(fake.set_private_dns_name("i-0000000000000cafe", Some("ip-10-0-0-9.eu-west-1.compute.internal")));
/// # Ok::<(), k8s_aws_fake::StartError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) region: String,
    pub(crate) private_dns_name: Option<String>,
}

impl Instance {
    /// An instance that runs in an account and a region, and has no private DNS name yet. Nothing is checked.
    pub fn new(id: &str, owner: &str, region: &str) -> Self {
        Self { id: id.into(), owner: owner.into(), region: region.into(), private_dns_name: None }
    }

    /// The same with a private DNS name.
    #[must_use]
    pub fn named(mut self, private_dns_name: &str) -> Self {
        self.private_dns_name = Some(private_dns_name.into());
        self
    }

    /// The instance's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The account that it runs in.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The region that it runs in.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The private DNS name, if it has one.
    pub fn private_dns_name(&self) -> Option<&str> {
        self.private_dns_name.as_deref()
    }
}

/// All instances, by id.
pub(crate) struct Instances {
    by_id: RwLock<BTreeMap<String, Instance>>,
    page_size: AtomicUsize,
}

impl Instances {
    pub(crate) fn new(page_size: usize) -> Self {
        Self { by_id: RwLock::default(), page_size: AtomicUsize::new(page_size.max(1)) }
    }

    pub(crate) fn insert(&self, instance: Instance) {
        write(&self.by_id).insert(instance.id.clone(), instance);
    }

    pub(crate) fn remove(&self, id: &str) -> bool {
        write(&self.by_id).remove(id).is_some()
    }

    pub(crate) fn set_private_dns_name(&self, id: &str, name: Option<&str>) -> bool {
        write(&self.by_id).get_mut(id).map(|instance| instance.private_dns_name = name.map(str::to_owned)).is_some()
    }

    pub(crate) fn page_size(&self) -> usize {
        self.page_size.load(Ordering::Relaxed)
    }

    pub(crate) fn set_page_size(&self, page_size: usize) {
        self.page_size.store(page_size.max(1), Ordering::Relaxed);
    }

    /// Those of an account in a region, sorted by id; of the `wanted` ones, or of all. Then the next ones from `from` on,
    /// at most `limit`, and whether there are more.
    pub(crate) fn page(
        &self,
        account: &str,
        region: &str,
        wanted: Option<&BTreeSet<String>>,
        from: usize,
        limit: usize,
    ) -> (Vec<Instance>, bool) {
        let all = read(&self.by_id);
        let there = |instance: &&Instance| instance.owner == account && instance.region == region;
        let mut page: Vec<Instance> = match wanted {
            // Looked up one by one: there may be many instances, and few are asked for.
            Some(ids) => {
                ids.iter().filter_map(|id| all.get(id)).filter(there).skip(from).take(limit + 1).cloned().collect()
            }
            None => all.values().filter(there).skip(from).take(limit + 1).cloned().collect(),
        };
        let more = page.len() > limit;
        page.truncate(limit);
        (page, more)
    }
}
