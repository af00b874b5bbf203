//! The actions of EC2.

mod document;

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use aws_lc_rs::digest;

use crate::directory::{Directory, hex};
use crate::endpoint::Endpoint;
use crate::instances::Instances;
use crate::reply::{Document, Refusal, Verdict};
use crate::service::{Decision, Parameters};
use crate::sigv4::{self, Received};

const VERSION: &str = "2016-11-15";

/// As many values as EC2 takes in the filters of a request.
const MAX_FILTER_VALUES: usize = 200;

pub(crate) fn handle(
    request: &Received<'_>,
    endpoint: &Endpoint<'_>,
    directory: &Directory,
    instances: &Instances,
    now: SystemTime,
) -> Decision {
    if request.path != "/" || !matches!(request.method, "GET" | "POST") {
        return Decision::unknown_operation();
    }
    let Some(parameters) = Parameters::of(request) else {
        return Decision::refused(None, sigv4::malformed_query());
    };
    let (action, version) = match (parameters.one("Action"), parameters.one("Version")) {
        (Ok(action), Ok(version)) => (action, version),
        (Err(refusal), _) | (_, Err(refusal)) => return Decision::refused(None, refusal),
    };
    match (action.as_deref(), version.as_deref()) {
        (Some("DescribeInstances"), Some(VERSION)) => {
            describe_instances(request, &parameters, endpoint, directory, instances, now)
        }
        (None, _) => {
            let message = "The request must contain the parameter Action";
            Decision::refused(None, Refusal::new(400, "MissingParameter", message))
        }
        (Some(action), _) => {
            let message = format!("The action {action} is not valid for this web service.");
            Decision::refused(None, Refusal::new(400, "InvalidAction", message))
        }
    }
}

fn describe_instances(
    request: &Received<'_>,
    parameters: &Parameters,
    endpoint: &Endpoint<'_>,
    directory: &Directory,
    instances: &Instances,
    now: SystemTime,
) -> Decision {
    let action = "DescribeInstances";
    let entry = match sigv4::verify(request, endpoint, directory, now) {
        Ok(entry) => entry,
        Err(refusal) => return Decision::refused(Some(action), of_ec2(refusal)),
    };
    let who = &entry.identity;
    if !entry.may_describe_instances() {
        let message = format!(
            "You are not authorized to perform this operation. User: {} is not authorized to perform: \
             ec2:DescribeInstances because no identity-based policy allows the ec2:DescribeInstances action",
            who.arn()
        );
        return Decision::refused(Some(action), Refusal::new(403, "UnauthorizedOperation", message));
    }
    let wanted = match Wanted::of(parameters) {
        Ok(wanted) => wanted,
        Err(refusal) => return Decision::refused(Some(action), refusal),
    };
    let limit = wanted.max_results.unwrap_or(usize::MAX).min(instances.page_size());
    let ids = wanted.ids.as_ref();
    let (page, more) = instances.page(who.account(), endpoint.region, ids, wanted.from, limit);
    if let Some(unknown) = wanted.must_exist.iter().find(|id| !page.iter().any(|instance| instance.id == **id)) {
        let message = format!("The instance ID '{unknown}' does not exist");
        return Decision::refused(Some(action), Refusal::new(400, "InvalidInstanceID.NotFound", message));
    }
    let next = more.then(|| page_token(ids, wanted.from + page.len()));
    let verdict = Verdict::Document(Document { action, inner: document::reservations(&page, next.as_deref()) });
    Decision { caller: Some(who.arn().to_owned()), ..Decision::new(Some(action), verdict) }
}

/// EC2 has names of its own for requests whose signature it does not accept.
fn of_ec2(refusal: Refusal) -> Refusal {
    let message = "AWS was not able to validate the provided access credentials";
    match refusal.code {
        "InvalidClientTokenId" | "SignatureDoesNotMatch" => Refusal::new(401, "AuthFailure", message),
        "ExpiredToken" => Refusal::new(400, "RequestExpired", "Request has expired."),
        _ => refusal,
    }
}

/// What a request asks for.
#[derive(Default)]
struct Wanted {
    /// By filter or by id; nothing for all.
    ids: Option<BTreeSet<String>>,
    /// Those that were asked for by `InstanceId.N`: it is an error if one is not there.
    must_exist: BTreeSet<String>,
    max_results: Option<usize>,
    from: usize,
}

impl Wanted {
    fn of(parameters: &Parameters) -> Result<Self, Refusal> {
        let mut wanted = Self::default();
        let mut filters: BTreeMap<u32, (Option<String>, BTreeSet<String>)> = BTreeMap::new();
        let (mut values, mut token) = (0, None);
        for (name, value) in parameters.iter() {
            let parts: Vec<&str> = name.split('.').collect();
            let number = |text: &str| text.parse::<u32>().map_err(|_| unknown_parameter(&name));
            match parts[..] {
                ["Action" | "Version"] => {}
                [parameter] if parameter.starts_with("X-Amz-") => {}
                ["Filter", n, "Name"] => filters.entry(number(n)?).or_default().0 = Some(value.into_owned()),
                ["Filter", n, "Value", m] => {
                    number(m)?;
                    values += 1;
                    filters.entry(number(n)?).or_default().1.insert(value.into_owned());
                }
                ["InstanceId", n] => {
                    number(n)?;
                    wanted.must_exist.insert(value.into_owned());
                }
                ["MaxResults"] => wanted.max_results = Some(max_results(&value)?),
                ["NextToken"] => token = Some(value.into_owned()),
                ["DryRun"] if value == "false" => {}
                _ => return Err(unknown_parameter(&name)),
            }
        }
        if values > MAX_FILTER_VALUES {
            let message =
                format!("The maximum number of filter values specified on a single call is {MAX_FILTER_VALUES}");
            return Err(Refusal::new(400, "FilterLimitExceeded", message));
        }
        if !wanted.must_exist.is_empty() {
            if wanted.max_results.is_some() {
                let message = "The parameter instancesSet cannot be used with the parameter maxResults";
                return Err(Refusal::new(400, "InvalidParameterCombination", message));
            }
            wanted.ids = Some(wanted.must_exist.clone());
        }
        for (name, ids) in filters.into_values() {
            match name.as_deref() {
                Some("instance-id") => {}
                Some(other) => return Err(invalid(format!("The filter '{other}' is invalid"))),
                None => return Err(Refusal::new(400, "MissingParameter", "A filter has no name")),
            }
            // Filters narrow each other.
            wanted.ids = Some(match wanted.ids {
                Some(known) => known.intersection(&ids).cloned().collect(),
                None => ids,
            });
        }
        if let Some(token) = token {
            let from = token.rsplit_once('/').and_then(|(_, rest)| rest.strip_suffix("==")?.parse().ok());
            wanted.from = from.filter(|from| token == page_token(wanted.ids.as_ref(), *from)).ok_or_else(|| {
                Refusal::new(400, "InvalidNextToken", "The token is not valid, or not one for this request")
            })?;
        }
        Ok(wanted)
    }
}

fn max_results(value: &str) -> Result<usize, Refusal> {
    let number = value.parse().ok().filter(|n| (5..=1000).contains(n));
    number.ok_or_else(|| {
        invalid(format!("Value ( {value} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000."))
    })
}

fn invalid(message: String) -> Refusal {
    Refusal::new(400, "InvalidParameterValue", message)
}

fn unknown_parameter(name: &str) -> Refusal {
    Refusal::new(400, "UnknownParameter", format!("The parameter {name} is not recognized"))
}

/// Where the next page begins, bound to what was asked for; with characters that clients must escape.
fn page_token(ids: Option<&BTreeSet<String>>, from: usize) -> String {
    let mut asked = digest::Context::new(&digest::SHA256);
    for id in ids.into_iter().flatten() {
        asked.update(id.as_bytes());
        asked.update(b",");
    }
    format!("{}+/{from}==", hex(asked.finish().as_ref()))
}

#[cfg(test)]
mod tests;
