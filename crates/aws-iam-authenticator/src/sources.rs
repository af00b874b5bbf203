//! Mappings as a server would have them, put together out of files and what an API server has.

use crate::Failure;
use crate::cli::{KubeArgs, SourceArgs};
use crate::cluster::Cluster;
use crate::config::Configuration;
use crate::documents::{self, Part};
use k8s_aws_auth::mapping::lint::Format;
use k8s_aws_auth::mapping::tree::Node;
use k8s_aws_auth::mapping::{
    Backend, BackendMode, Document, DynamicFile, Finding, Options, Snapshot, decode_utf8, parse_modes,
};
use std::fs;
use std::io::Read;
use std::path::Path;

/// What was found.
pub(crate) struct Sources {
    pub(crate) snapshot: Snapshot,
    /// What somebody who reads the result has to know about it.
    pub(crate) notes: Vec<String>,
}

/// Gathers them; none where nothing was said about any.
pub(crate) fn gather(
    arguments: &SourceArgs,
    kube: &KubeArgs,
    configuration: &Configuration,
) -> Result<Option<Sources>, Failure> {
    let config = configuration.file.as_ref().map(|file| file.mappings.clone());
    let strict_user_ids = strict_user_ids(configuration);
    let mut documents: Vec<(BackendMode, Document)> = Vec::new();
    if let Some(config) = &config {
        documents.push((BackendMode::MountedFile, config.document.clone()));
    }
    if let Some(path) = &arguments.aws_auth {
        let part = part(path, Format::AwsAuth, "a ConfigMap with mappings")?;
        documents.push((BackendMode::EksConfigMap, Document::from_aws_auth_manifest(&part.text)));
    }
    if let Some(path) = &arguments.identity_mappings {
        let part = part(path, Format::IdentityMappings, "IAMIdentityMapping objects")?;
        documents.push((BackendMode::Crd, Document::from_identity_mapping_manifests(&part.text)));
    }
    let configured = configuration.text(&["server", "dynamicfilepath"]).map(Path::new).filter(|path| path.exists());
    if let Some(path) = arguments.dynamic_file.as_deref().or(configured) {
        let file = DynamicFile::parse(&read(path)?.0, strict_user_ids);
        documents.push((BackendMode::DynamicFile, file.document));
    }
    if kube.given() {
        documents.extend(of_cluster(kube)?);
    }
    if documents.is_empty() {
        return Ok(None);
    }
    // A file that is named counts for more than what the cluster has.
    documents.sort_by_key(|(mode, _)| *mode);
    documents.dedup_by_key(|(mode, _)| *mode);
    let mut notes = Vec::new();
    let modes = modes(arguments, configuration, &documents, &mut notes)?;
    let backends = modes.iter().map(|mode| match documents.iter().find(|(of, _)| of == mode) {
        Some((_, document)) => Backend::synced(*mode, document.clone()),
        None => Backend::not_synced(*mode),
    });
    let options = Options {
        sso_role_match: configuration.features.sso_role_match,
        reserved: config.map(|config| config.reserved).unwrap_or_default(),
    };
    Ok(Some(Sources { snapshot: Snapshot::new(backends, options), notes }))
}

/// What the cluster has. A cluster without the objects' definition has no such backend; one without the ConfigMap has an empty
/// one.
fn of_cluster(kube: &KubeArgs) -> Result<Vec<(BackendMode, Document)>, Failure> {
    let cluster = Cluster::connect(kube)?;
    let data = cluster.aws_auth()?.map(|map| map.data()).unwrap_or_default();
    let mut documents = vec![(BackendMode::EksConfigMap, Document::from_aws_auth(data))];
    if let Some(objects) = cluster.identity_mappings()? {
        documents.push((BackendMode::Crd, Document::from_identity_mappings(objects)));
    }
    Ok(documents)
}

/// The chain of backends: as it was asked for, as the configuration has it, or what there is.
fn modes(
    arguments: &SourceArgs,
    configuration: &Configuration,
    documents: &[(BackendMode, Document)],
    notes: &mut Vec<String>,
) -> Result<Vec<BackendMode>, Failure> {
    let configured = match arguments.backend_mode.is_empty() {
        true => configuration.texts(&["server", "backendMode"]),
        false => arguments.backend_mode.clone(),
    };
    let given = documents.iter().map(|(mode, _)| *mode);
    if configured.is_empty() {
        if documents.len() > 1 {
            let names: Vec<&str> = given.clone().map(BackendMode::as_str).collect();
            notes.push(format!(
                "no backendMode is configured: taken as {}; --backend-mode says another order",
                names.join(",")
            ));
        }
        return Ok(given.collect());
    }
    let modes = parse_modes(configured.iter().map(|mode| mode.trim())).map_err(Failure::new)?;
    for mode in given.filter(|mode| !modes.contains(mode)) {
        notes.push(format!("{mode} is no backend of this server (backendMode), so what it says does not count"));
    }
    Ok(modes)
}

/// Whether entries of the dynamic file are found by user id.
pub(crate) fn strict_user_ids(configuration: &Configuration) -> bool {
    configuration.node(&["server", "dynamicfileUserIDStrict"]).and_then(Node::as_bool).unwrap_or_default()
}

/// The one piece of this format in a file.
fn part(path: &Path, format: Format, what: &str) -> Result<Part, Failure> {
    let part = documents::parts(&read(path)?.0).into_iter().find(|part| part.format == format);
    part.ok_or_else(|| Failure::new(format!("there is no sign of {what} in {}", path.display())))
}

/// The text of a file, and where it is no UTF-8; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<(String, Option<Finding>), Failure> {
    let bytes = match path.as_os_str() == "-" {
        true => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
        }
        false => fs::read(path),
    };
    let bytes = bytes.map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))?;
    let (text, undecodable) = decode_utf8(&bytes);
    Ok((text.into_owned(), undecodable))
}
