//! The configuration file, and what flags and environment say over it.

use crate::cli::Global;
use crate::features::FeatureGates;
use crate::{Failure, Format, Level};
use k8s_aws_auth::identity::ClusterId;
use k8s_aws_auth::mapping::tree::{Node, Tree};
use std::fs;
use std::path::PathBuf;

/// What every command needs to know. A flag counts before the environment, the environment before the file.
pub(crate) struct Configuration {
    pub(crate) log_format: Format,
    pub(crate) log_level: Level,
    pub(crate) features: FeatureGates,
    pub(crate) file: Option<ConfigFile>,
    cluster_id: Option<String>,
}

/// A configuration file that was read.
pub(crate) struct ConfigFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) tree: Tree,
}

impl Configuration {
    pub(crate) fn load(global: &Global) -> Result<Self, Failure> {
        let file = global.config.clone().map(ConfigFile::read).transpose()?;
        let log_format = match global.log_format.as_deref() {
            None | Some("text") => Format::Text,
            Some("json") => Format::Json,
            Some(_) => return Err(Failure::new("the log format is neither text nor json")),
        };
        let log_level = match global.log_verbosity.as_deref() {
            None => Level::default(),
            Some(name) => Level::parse(name).ok_or_else(|| {
                Failure::new("no such log level")
                    .with_remedy("levels: panic, fatal, error, warning, info, debug, trace")
            })?,
        };
        let features = FeatureGates::parse(&global.feature_gates)?;
        Ok(Self { log_format, log_level, features, file, cluster_id: global.cluster_id.clone() })
    }

    /// The cluster's id.
    pub(crate) fn cluster_id(&self) -> Result<ClusterId, Failure> {
        let flag = self.cluster_id.as_deref().filter(|id| !id.is_empty());
        let id = flag.or_else(|| self.text(&["clusterID"])).ok_or_else(|| {
            Failure::new("no cluster id was given").with_remedy(
                "use --cluster-id, KUBERNETES_AWS_AUTHENTICATOR_CLUSTER_ID, or clusterID in the configuration",
            )
        })?;
        ClusterId::parse(id).map_err(Failure::new)
    }

    /// A value of the file, by its keys in any letter case.
    pub(crate) fn node(&self, keys: &[&str]) -> Option<&Node> {
        self.file.as_ref()?.tree.root()?.path_ignore_case(keys)
    }

    /// A text of the file; a number or boolean is the text it was written as.
    pub(crate) fn text(&self, keys: &[&str]) -> Option<&str> {
        self.node(keys)?.as_str().filter(|text| !text.is_empty())
    }

    /// The texts of a list in the file; a single text is a list of what commas separate in it, as the Go program has it.
    pub(crate) fn texts(&self, keys: &[&str]) -> Vec<String> {
        match self.node(keys) {
            None => Vec::new(),
            Some(node) => match node.as_list() {
                Some(items) => items.iter().filter_map(Node::as_str).map(str::to_owned).collect(),
                None => {
                    node.as_str().into_iter().flat_map(|text| text.split(',')).map(|t| t.trim().to_owned()).collect()
                }
            },
        }
    }

    /// What was meant by a value that does not fit: file, line and key.
    pub(crate) fn misfit(&self, keys: &[&str], problem: &str) -> Failure {
        let line = self.node(keys).map_or(0, |node| node.span.start.line);
        let path = self.file.as_ref().map(|file| file.path.display().to_string()).unwrap_or_default();
        Failure::new(format!("{path}:{line}: {}: {problem}", keys.join(".")))
    }
}

impl ConfigFile {
    fn read(path: PathBuf) -> Result<Self, Failure> {
        let text = fs::read_to_string(&path)
            .map_err(|error| Failure::new(format!("cannot read the configuration file {}: {error}", path.display())))?;
        let tree = Tree::from_yaml(&text).map_err(|error| {
            let at = format!("{}:{}:{}", path.display(), error.at.line, error.at.column);
            Failure::new(format!("{at}: {}", error.problem)).with_remedy("mend the YAML around that place")
        })?;
        Ok(Self { path, text, tree })
    }
}
