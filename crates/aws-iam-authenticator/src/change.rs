//! `add` and `remove`: one entry of the ConfigMap `aws-auth`, with everything around it left as it is.

mod edit;

use crate::cli::{AddArgs, AddCommand, ChangeArgs, EntryArgs, RemoveArgs, RemoveCommand, RoleEntry};
use crate::cluster::{Cluster, ConfigMap, Written};
use crate::{Failure, diff, print};
use edit::Edit;
use k8s_aws_auth::mapping::{NewEntry, NewSubject};
use std::io::{self, BufRead, Write};

/// How often a change is made anew because somebody else was quicker.
const MOST_CONFLICTS: usize = 5;

pub(crate) fn add(arguments: &AddArgs) -> Result<(), Failure> {
    let (subject, entry) = match &arguments.command {
        AddCommand::User { userarn, entry } => (NewSubject::User(userarn.clone()), entry),
        AddCommand::Role { role, entry } => (of_role(role)?, entry),
    };
    let EntryArgs { username, groups } = entry;
    let groups = groups.iter().filter(|group| !group.is_empty()).cloned().collect();
    let entry = NewEntry { subject, username: username.clone(), groups };
    change(&Edit::Add { entry, upsert: arguments.upsert }, &arguments.change)
}

pub(crate) fn remove(arguments: &RemoveArgs) -> Result<(), Failure> {
    let subject = match &arguments.command {
        RemoveCommand::User { userarn } => NewSubject::User(userarn.clone()),
        RemoveCommand::Role { role } => of_role(role)?,
    };
    change(&Edit::Remove { subject }, &arguments.change)
}

fn of_role(role: &RoleEntry) -> Result<NewSubject, Failure> {
    if let Some(arn) = &role.rolearn {
        return Ok(NewSubject::Role(arn.clone()));
    }
    let (mut permission_set, mut account, mut partition) = (None, None, None);
    for pair in &role.sso {
        let slot = match pair.split_once('=') {
            Some(("permissionSetName", value)) => Some((&mut permission_set, value)),
            Some(("accountID", value)) => Some((&mut account, value)),
            Some(("partition", value)) => Some((&mut partition, value)),
            _ => None,
        };
        let (slot, value) = slot.ok_or_else(|| sso_usage("it has a part that means nothing"))?;
        if slot.replace(value.to_owned()).is_some() {
            return Err(sso_usage("it says something twice"));
        }
    }
    match (permission_set, account) {
        (Some(permission_set), Some(account)) => Ok(NewSubject::Sso { permission_set, account, partition }),
        _ => Err(sso_usage("permissionSetName or accountID is missing")),
    }
}

fn sso_usage(problem: &str) -> Failure {
    Failure::usage(format!("--sso: {problem}"))
        .with_remedy("such as --sso permissionSetName=Developers,accountID=123456789012")
}

/// Reads, edits, asks, writes; and again from the start where somebody else wrote in between.
fn change(edit: &Edit, arguments: &ChangeArgs) -> Result<(), Failure> {
    let cluster = Cluster::connect(&arguments.kube)?;
    let mut asked = false;
    for _ in 0..=MOST_CONFLICTS {
        let map = cluster.aws_auth()?.ok_or_else(|| {
            Failure::new("there is no ConfigMap aws-auth in kube-system").with_remedy(
                "look whether this is the right cluster; `kubectl -n kube-system create configmap aws-auth` makes one",
            )
        })?;
        let before = map.data();
        let after = edit.apply(&before)?;
        if before == after {
            return print("nothing to change: the entry is there already, with this username and these groups\n");
        }
        if !asked {
            for (key, text) in &after {
                let old = before.get(key).map_or("", String::as_str);
                print(&diff::unified(&format!("kube-system/aws-auth {key}"), old, text))?;
            }
            if arguments.dry_run {
                return print("not written (--dry-run)\n");
            }
            if arguments.prompt && !confirmed()? {
                return print("cancelled\n");
            }
            asked = true;
        }
        let map: ConfigMap = map.with_data(after);
        if let Written::Done = cluster.replace_aws_auth(&map)? {
            return print("updated configmap kube-system/aws-auth\n");
        }
    }
    Err(Failure::new("the ConfigMap aws-auth is changed by others all the time").with_remedy("try again"))
}

/// Asks on standard error, for standard output is for the result.
fn confirmed() -> Result<bool, Failure> {
    let _ = write!(io::stderr(), "Ready to make this change, should we continue? [y/N]: ");
    let mut answer = String::new();
    match io::stdin().lock().read_line(&mut answer) {
        Ok(n) if n > 0 => Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")),
        _ => Err(Failure::new("nobody answers the question").with_remedy("give --prompt=false where nobody can")),
    }
}
