use crate::answer::Body;
use crate::document::Page;
use crate::{AccountId, Ec2Endpoint, Ec2Error, Ec2Request, InstanceId, MAX_INSTANCES, request};
use aws_credential_types::Credentials;
use http::{HeaderMap, StatusCode};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::{fmt, time::SystemTime};

/// How many pages there may be beyond one for each instance: EC2 may send pages with nothing on them.
const SPARE_PAGES: usize = 8;

/// One question to EC2, about some instances.
///
/// It is asked page by page: [`read`](Self::read) gives either all that EC2 knows or the query for the next page. Asking
/// the same page again, after a failure, is fine.
#[derive(Clone)]
pub struct Query {
    /// Sorted, each once.
    ids: Arc<[InstanceId]>,
    /// What EC2 told so far, in the order of `ids`.
    found: Vec<Option<Instance>>,
    /// The tokens that led here; the last one leads to the page that is asked for now.
    page_tokens: Vec<String>,
}

/// What an answer came to.
#[derive(Debug)]
pub enum Progress {
    /// All that EC2 knows.
    Done(Instances),
    /// There is more: send this one's request.
    NextPage(Query),
}

impl Query {
    /// A query for these instances; it does not matter how often each is there, or in which order.
    ///
    /// # Errors
    /// [`Ec2Error::NoInstances`], and [`Ec2Error::TooManyInstances`] for more than [`MAX_INSTANCES`] different ones.
    pub fn new(ids: impl IntoIterator<Item = InstanceId>) -> Result<Self, Ec2Error> {
        let ids: BTreeSet<InstanceId> = ids.into_iter().collect();
        match ids.len() {
            0 => Err(Ec2Error::NoInstances),
            count if count > MAX_INSTANCES => Err(Ec2Error::TooManyInstances { count }),
            count => Ok(Self { ids: ids.into_iter().collect(), found: vec![None; count], page_tokens: Vec::new() }),
        }
    }

    /// The instances that are asked for, sorted.
    pub fn ids(&self) -> &[InstanceId] {
        &self.ids
    }

    /// The request to send, signed with these credentials, for the page that is asked for now.
    ///
    /// `now` must be within 5 minutes of EC2's clock.
    ///
    /// # Errors
    /// An [`Ec2Error`] of class `Refused`.
    pub fn request(
        &self,
        credentials: &Credentials,
        endpoint: &Ec2Endpoint,
        now: SystemTime,
    ) -> Result<Ec2Request, Ec2Error> {
        request::sign(&self.ids, self.page_tokens.last().map(String::as_str), credentials, endpoint, now)
    }

    /// Reads EC2's answer.
    ///
    /// It is [`Progress::Done`] as soon as every instance has been found, whatever EC2 says of more pages.
    ///
    /// # Errors
    /// An [`Ec2Error`] of class `Unauthorized`, `Rejected`, `Throttled`, `Unavailable` or `Malformed`.
    pub fn read<B: AsRef<[u8]>>(&self, answer: &http::Response<B>) -> Result<Progress, Ec2Error> {
        let mut reader = self.reader(answer.status(), answer.headers());
        reader.push(answer.body().as_ref())?;
        reader.finish()
    }

    /// Starts to read EC2's answer piece by piece, so that no more of it is in memory than a piece and what it tells: an
    /// answer about 200 instances has more than a megabyte, and what it tells some kilobytes.
    pub fn reader(&self, status: StatusCode, headers: &HeaderMap) -> AnswerReader {
        AnswerReader { body: Body::of(status, headers, &self.ids), query: self.clone() }
    }

    /// The same for the two halves of the instances, from the first page on; nothing where there is but one. For an answer
    /// that is [too long](Ec2Error::AnswerTooLong).
    pub fn halves(&self) -> Option<[Self; 2]> {
        let (first, second) = self.ids.split_at(self.ids.len() / 2);
        let half = |ids: &[InstanceId]| Self::new(ids.iter().cloned()).ok();
        Some([half(first)?, half(second)?])
    }

    /// What there is to know after one more page.
    fn turn(self, page: Page, status: u16) -> Result<Progress, Ec2Error> {
        let Self { ids, mut found, mut page_tokens } = self;
        for described in page.instances {
            let instance = Instance { private_dns_name: described.private_dns_name, owner: described.owner };
            let place = ids.binary_search_by(|known| known.as_str().cmp(&described.id)).ok();
            match place.and_then(|place| found.get_mut(place)) {
                Some(Some(known)) if *known != instance => {
                    let problem = "an instance that stands twice, and not the same";
                    return Err(Ec2Error::MalformedAnswer { status, problem });
                }
                Some(slot) => *slot = Some(instance),
                None => {}
            }
        }
        let token = match page.next {
            Some(token) if found.contains(&None) => token,
            _ => return Ok(Progress::Done(Instances { ids, found })),
        };
        if page_tokens.contains(&token) {
            return Err(Ec2Error::PageRepeated);
        }
        if page_tokens.len() + 1 >= ids.len() + SPARE_PAGES {
            return Err(Ec2Error::TooManyPages);
        }
        page_tokens.push(token);
        Ok(Progress::NextPage(Self { ids, found, page_tokens }))
    }
}

/// The reading of one answer, in pieces; see [`Query::reader`]. It comes to what [`Query::read`] comes to for the whole,
/// wherever it is cut.
pub struct AnswerReader {
    query: Query,
    body: Body,
}

impl AnswerReader {
    /// The next piece of the body.
    ///
    /// # Errors
    /// As [`Query::read`], as soon as that is certain: whatever follows, the answer is no good.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), Ec2Error> {
        self.body.push(piece)
    }

    /// There are no more pieces.
    ///
    /// # Errors
    /// As [`Query::read`].
    pub fn finish(self) -> Result<Progress, Ec2Error> {
        let status = self.body.status();
        self.query.turn(self.body.end()?, status)
    }
}

/// Of the answer nothing is shown.
impl fmt::Debug for AnswerReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerReader").field("query", &self.query).finish_non_exhaustive()
    }
}

/// Page tokens are left out.
impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query").field("ids", &self.ids).field("page", &(self.page_tokens.len() + 1)).finish()
    }
}

/// What EC2 knows of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    private_dns_name: String,
    owner: AccountId,
}

impl Instance {
    /// The private DNS name as EC2 wrote it, at most 254 bytes and without control characters; empty where EC2 has none:
    /// it has none yet for an instance that is new, and none any more for one that is terminated.
    pub fn private_dns_name(&self) -> &str {
        &self.private_dns_name
    }

    /// The account that the instance runs in (`ownerId` of its reservation).
    ///
    /// Whoever calls itself by this instance's id must be of this account.
    pub fn owner(&self) -> AccountId {
        self.owner
    }
}

/// What EC2 knows of the instances that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instances {
    ids: Arc<[InstanceId]>,
    found: Vec<Option<Instance>>,
}

impl Instances {
    /// An instance; nothing where it was not asked for or where EC2 does not know it in this account and region, or not yet.
    pub fn get(&self, id: &InstanceId) -> Option<&Instance> {
        let place = self.ids.binary_search(id).ok()?;
        self.found.get(place)?.as_ref()
    }

    /// Every instance that was asked for, sorted by id; nothing for one that EC2 does not know.
    pub fn iter(&self) -> impl Iterator<Item = (&InstanceId, Option<&Instance>)> {
        self.ids.iter().zip(self.found.iter().map(Option::as_ref))
    }
}
