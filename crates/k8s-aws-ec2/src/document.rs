//! The two documents that EC2 answers with: `DescribeInstancesResponse` and the error.

use crate::xml::{self, Problem, Visitor, Walker};
use k8s_aws_identity::{AccountId, InstanceId};
use std::sync::Arc;

/// The longest text that is read. Page tokens are the longest of them, and have some hundred bytes.
const MAX_TEXT_LEN: usize = 4096;

/// The longest private DNS name: what a name in the DNS can have, and the dot at its end (RFC 1035).
const MAX_DNS_NAME_LEN: usize = 254;

/// One instance of a page.
pub(crate) struct Described {
    pub(crate) id: String,
    /// Empty where EC2 has none (yet, or any more).
    pub(crate) private_dns_name: String,
    pub(crate) owner: AccountId,
}

/// One page of instances.
pub(crate) struct Page {
    pub(crate) instances: Vec<Described>,
    pub(crate) next: Option<String>,
}

/// Reads a page as it comes; of its instances those with one of `ids`, which are sorted.
pub(crate) struct PageReader(Walker<Reading>);

impl PageReader {
    pub(crate) fn new(ids: Arc<[InstanceId]>) -> Self {
        let reading = Reading {
            ids,
            path: Vec::new(),
            instances: Vec::new(),
            reservations_seen: false,
            next: Text::default(),
            owner: Text::default(),
            instances_seen: false,
            in_reservation: Vec::new(),
            id: Text::default(),
            name: Text::default(),
        };
        Self(Walker::new(false, reading))
    }

    /// The next piece of the document.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), Problem> {
        self.0.push(piece)
    }

    /// There are no more pieces.
    pub(crate) fn end(self) -> Result<Page, Problem> {
        let reading = self.0.end()?;
        if !reading.reservations_seen {
            return Err("no reservationSet");
        }
        let next = reading.next.0.filter(|token| !token.is_empty());
        if next.as_ref().is_some_and(|token| !token.bytes().all(|b| b.is_ascii_graphic())) {
            return Err("a nextToken with characters that none has");
        }
        Ok(Page { instances: reading.instances, next })
    }
}

/// Reads the code of an error document.
pub(crate) fn error_code(bytes: &[u8]) -> Option<String> {
    let mut walker = Walker::new(true, ErrorReader { path: Vec::new(), code: Text::default() });
    walker.push(bytes).ok()?;
    walker.end().ok()?.code.0
}

/// A text that stands at most once where it stands.
#[derive(Default)]
struct Text(Option<String>);

impl Text {
    fn begin(&mut self) -> Result<(), Problem> {
        if self.0.is_some() {
            return Err("an element that stands twice");
        }
        self.0 = Some(String::new());
        Ok(())
    }

    fn push(&mut self, piece: &str) -> Result<(), Problem> {
        let text = self.0.get_or_insert_default();
        if text.len() + piece.len() > MAX_TEXT_LEN {
            return Err("a text that is too long");
        }
        text.push_str(piece);
        Ok(())
    }
}

/// Where in a page an element stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    ReservationSet,
    Reservation,
    InstancesSet,
    Instance,
    NextToken,
    OwnerId,
    InstanceId,
    PrivateDnsName,
    /// Anything else, and all that is inside it.
    Unknown,
}

struct Reading {
    ids: Arc<[InstanceId]>,
    path: Vec<Place>,
    instances: Vec<Described>,
    reservations_seen: bool,
    next: Text,
    // Of the reservation that is open; its owner may stand before its instances or after them.
    owner: Text,
    instances_seen: bool,
    in_reservation: Vec<(String, String)>,
    // Of the instance that is open.
    id: Text,
    name: Text,
}

impl Reading {
    fn field(&mut self, place: Place) -> Option<&mut Text> {
        match place {
            Place::NextToken => Some(&mut self.next),
            Place::OwnerId => Some(&mut self.owner),
            Place::InstanceId => Some(&mut self.id),
            Place::PrivateDnsName => Some(&mut self.name),
            _ => None,
        }
    }

    fn end_instance(&mut self) -> Result<(), Problem> {
        let id = self.id.0.take().ok_or("an instance without instanceId")?;
        let name = self.name.0.take().unwrap_or_default();
        if self.ids.binary_search_by(|known| known.as_str().cmp(&id)).is_ok() {
            if name.len() > MAX_DNS_NAME_LEN || name.contains(char::is_control) {
                return Err("a privateDnsName that is none");
            }
            self.in_reservation.push((id, name));
        }
        Ok(())
    }

    fn end_reservation(&mut self) -> Result<(), Problem> {
        let owner = self.owner.0.take();
        self.instances_seen = false;
        if self.in_reservation.is_empty() {
            return Ok(());
        }
        let owner = owner.ok_or("a reservation without ownerId")?;
        let owner = AccountId::parse(&owner).map_err(|_| "an ownerId that is no account id")?;
        let described = |(id, private_dns_name)| Described { id, private_dns_name, owner };
        self.instances.extend(self.in_reservation.drain(..).map(described));
        Ok(())
    }
}

impl Visitor for Reading {
    fn open(&mut self, name: &str) -> Result<(), Problem> {
        let place = match (self.path.last(), name) {
            (None, "DescribeInstancesResponse") => Place::Root,
            (None, _) => return Err("not a DescribeInstancesResponse"),
            (Some(Place::Root), "reservationSet") => Place::ReservationSet,
            (Some(Place::Root), "nextToken") => Place::NextToken,
            (Some(Place::ReservationSet), "item") => Place::Reservation,
            (Some(Place::Reservation), "ownerId") => Place::OwnerId,
            (Some(Place::Reservation), "instancesSet") => Place::InstancesSet,
            (Some(Place::InstancesSet), "item") => Place::Instance,
            (Some(Place::Instance), "instanceId") => Place::InstanceId,
            (Some(Place::Instance), "privateDnsName") => Place::PrivateDnsName,
            (Some(Place::NextToken | Place::OwnerId | Place::InstanceId | Place::PrivateDnsName), _) => {
                return Err("an element inside a text");
            }
            _ => Place::Unknown,
        };
        let again = match place {
            Place::ReservationSet => std::mem::replace(&mut self.reservations_seen, true),
            Place::InstancesSet => std::mem::replace(&mut self.instances_seen, true),
            _ => false,
        };
        if again {
            return Err("an element that stands twice");
        }
        if let Some(field) = self.field(place) {
            field.begin()?;
        }
        self.path.push(place);
        Ok(())
    }

    fn text(&mut self, piece: &str) -> Result<(), Problem> {
        let place = self.path.last().copied().unwrap_or(Place::Root);
        match self.field(place) {
            Some(field) => field.push(piece),
            None if place == Place::Unknown => Ok(()),
            None => xml::blank(piece),
        }
    }

    fn close(&mut self) -> Result<(), Problem> {
        match self.path.pop() {
            Some(Place::Instance) => self.end_instance(),
            Some(Place::Reservation) => self.end_reservation(),
            _ => Ok(()),
        }
    }
}

/// Where in an error document an element stands: `Response`, `Errors`, `Error`, `Code`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ErrorPlace {
    Response,
    Errors,
    Error,
    Code,
    Unknown,
}

struct ErrorReader {
    path: Vec<ErrorPlace>,
    code: Text,
}

impl Visitor for ErrorReader {
    fn open(&mut self, name: &str) -> Result<(), Problem> {
        let place = match (self.path.last(), name) {
            (None, "Response") => ErrorPlace::Response,
            (None, _) => return Err("not an error document"),
            (Some(ErrorPlace::Response), "Errors") => ErrorPlace::Errors,
            (Some(ErrorPlace::Errors), "Error") => ErrorPlace::Error,
            (Some(ErrorPlace::Error), "Code") => ErrorPlace::Code,
            (Some(ErrorPlace::Code), _) => return Err("an element inside a text"),
            _ => ErrorPlace::Unknown,
        };
        if place == ErrorPlace::Code {
            self.code.begin()?;
        }
        self.path.push(place);
        Ok(())
    }

    fn text(&mut self, piece: &str) -> Result<(), Problem> {
        match self.path.last() {
            Some(ErrorPlace::Code) => self.code.push(piece),
            Some(ErrorPlace::Unknown) => Ok(()),
            _ => xml::blank(piece),
        }
    }

    fn close(&mut self) -> Result<(), Problem> {
        self.path.pop();
        Ok(())
    }
}
