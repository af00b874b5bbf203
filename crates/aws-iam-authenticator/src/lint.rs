//! `lint`: everything that is wrong or doubtful in mappings, by position.

mod excerpt;
mod sarif;
mod workflow;

use crate::cli::{FailOn, KubeArgs, LintArgs, LintForm};
use crate::cluster::Cluster;
use crate::config::Configuration;
use crate::documents::{self, Part};
use crate::{Failure, output, print, server, sources};
use k8s_aws_auth::identity::Partition;
use k8s_aws_auth::mapping::lint::{self, Format};
use k8s_aws_auth::mapping::tree::{Node, Tree};
use k8s_aws_auth::mapping::{BackendMode, Code, Document, Finding, LintOptions, ServerConfig, Severity};
use serde::Serialize;
use std::path::Path;

/// A text, and what there is to say about it.
struct Source {
    name: String,
    text: String,
    findings: Vec<Finding>,
}

pub(crate) fn run(arguments: &LintArgs, configuration: &Configuration) -> Result<(), Failure> {
    let texts = arguments.files.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let settings = Settings::gather(arguments, configuration, &texts)?;
    let mut sources = Vec::new();
    for Read { name, text, parts, undecodable } in texts {
        let mut findings: Vec<Finding> = undecodable.into_iter().collect();
        findings.extend(parts.iter().flat_map(|part| settings.lint(part)));
        findings.sort_by_key(|finding| (finding.span.map(|span| span.start), finding.code));
        sources.push(Source { name, text, findings });
    }
    if arguments.kube.given() {
        sources.extend(settings.of_cluster(&arguments.kube)?);
    }
    print(&match arguments.output {
        LintForm::Text => excerpt::render(&sources),
        LintForm::Json => output::json(&told(&sources))?,
        LintForm::Sarif => output::json(&sarif::render(&sources))?,
        LintForm::Github => workflow::render(&sources),
    })?;
    let counts = |finding: &Finding| match arguments.fail_on {
        FailOn::Never => false,
        FailOn::Error => finding.severity >= Severity::Error,
        FailOn::Warning => finding.severity >= Severity::Warning,
        FailOn::Hint => true,
    };
    match sources.iter().flat_map(|source| &source.findings).any(counts) {
        true => Err(Failure::told_no()),
        false => Ok(()),
    }
}

/// A file that was read, and what is in it.
struct Read {
    name: String,
    text: String,
    parts: Vec<Part>,
    undecodable: Option<Finding>,
}

fn read(path: &Path) -> Result<Read, Failure> {
    let (text, undecodable) = sources::read(path)?;
    let parts = documents::parts(&text);
    if parts.is_empty() && !text.trim().is_empty() {
        let what = format!("there is nothing in {} that says anything about mappings", path.display());
        return Err(Failure::new(what).with_remedy(
            "files: a server configuration, a ConfigMap aws-auth, IAMIdentityMapping objects, a dynamic file, a backend-mode file",
        ));
    }
    let name = if path.as_os_str() == "-" { "<stdin>".to_owned() } else { path.display().to_string() };
    Ok(Read { name, text, parts, undecodable })
}

/// What the lints have to know: from flags, and from the server configurations that are there.
struct Settings {
    options: LintOptions<'static>,
}

impl Settings {
    fn gather(arguments: &LintArgs, configuration: &Configuration, texts: &[Read]) -> Result<Self, Failure> {
        let mut options = LintOptions {
            sso_role_match: configuration.features.sso_role_match,
            strict_user_ids: sources::strict_user_ids(configuration),
            more_top_keys: server::OUR_TOP_KEYS,
            more_server_keys: server::OUR_KEYS,
            ..LintOptions::default()
        };
        let mut partition = arguments.partition.clone();
        let mut take = |tree: &Tree| {
            options.reserved.extend(&ServerConfig::from_tree(tree).reserved);
            let server = |key: &str| tree.root().and_then(|root| root.path_ignore_case(&["server", key]));
            options.strict_user_ids |= server("dynamicfileUserIDStrict").and_then(Node::as_bool) == Some(true);
            if partition.is_none() {
                partition = server("partition").and_then(|node| node.as_str()).map(str::to_owned);
            }
        };
        if let Some(file) = &configuration.file {
            take(&file.tree);
        }
        let parts = texts.iter().flat_map(|read| &read.parts).filter(|part| part.format == Format::ServerConfig);
        parts.filter_map(|part| Tree::from_yaml(&part.text).ok()).for_each(|tree| take(&tree));
        options.partition = partition.as_deref().map(Partition::parse).transpose().map_err(Failure::new)?;
        Ok(Self { options })
    }

    /// What the cluster has, each text of the ConfigMap for itself.
    fn of_cluster(&self, kube: &KubeArgs) -> Result<Vec<Source>, Failure> {
        let cluster = Cluster::connect(kube)?;
        let mut sources = Vec::new();
        if let Some(map) = cluster.aws_auth()? {
            let data = map.data();
            let document = Document::from_aws_auth(&data);
            let mut findings = lint::document(&document, BackendMode::EksConfigMap, &self.options);
            for (key, text) in data {
                let here = |finding: &mut Finding| finding.list.is_some_and(|list| list.as_str() == key);
                let mut findings: Vec<Finding> = findings.extract_if(.., here).collect();
                findings.sort_by_key(|finding| (finding.span.map(|span| span.start), finding.code));
                sources.push(Source { name: format!("kube-system/aws-auth/{key}"), text, findings });
            }
            if !findings.is_empty() {
                sources.push(Source { name: "kube-system/aws-auth".to_owned(), text: String::new(), findings });
            }
        }
        if let Some(objects) = cluster.identity_mappings()? {
            let document = Document::from_identity_mappings(objects);
            let findings = lint::document(&document, BackendMode::Crd, &self.options);
            sources.push(Source { name: "iamidentitymappings".to_owned(), text: String::new(), findings });
        }
        Ok(sources)
    }

    fn lint(&self, part: &Part) -> Vec<Finding> {
        let mut findings = lint::lint(&part.text, part.format, &self.options);
        let foreign = |finding: &Finding| {
            let at = finding.span.map_or(usize::MAX, |span| span.start.byte as usize);
            finding.code == Code::WrongShape && part.foreign.iter().any(|place| place.contains(&at))
        };
        findings.retain(|finding| !foreign(finding));
        findings
    }
}

/// A finding as JSON has it.
#[derive(Serialize)]
struct Told<'a> {
    file: &'a str,
    #[serde(flatten)]
    finding: &'a Finding,
    /// What the code means and what to do.
    help: &'static str,
}

fn told(sources: &[Source]) -> Vec<Told<'_>> {
    let all = sources.iter().flat_map(|source| source.findings.iter().map(move |finding| (source, finding)));
    all.map(|(source, finding)| Told { file: &source.name, finding, help: finding.code.explanation() }).collect()
}
