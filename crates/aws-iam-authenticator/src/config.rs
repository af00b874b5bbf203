//! The configuration file, and what flags and environment say over it.

use crate::cli::Global;
use crate::features::FeatureGates;
use crate::names::Program;
use crate::{Failure, Format, Level};
use k8s_aws_auth::identity::ClusterId;
use k8s_aws_auth::mapping::ServerConfig;
use k8s_aws_auth::mapping::tree::{Node, Tree};
use std::fs;
use std::path::PathBuf;

/// What every command needs to know. A flag counts before the environment, the environment before the file.
pub(crate) struct Configuration {
    pub(crate) log_format: Format,
    pub(crate) log_level: Level,
    pub(crate) features: FeatureGates,
    /// The defaults that go with the name by which the program was called.
    pub(crate) program: Program,
    pub(crate) file: Option<ConfigFile>,
    /// What is odd about the flags, and no reason to refuse them.
    pub(crate) warnings: Vec<String>,
    cluster_ids: Vec<String>,
}

/// A configuration file that was read.
pub(crate) struct ConfigFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// All but the entries of its lists of mappings.
    pub(crate) tree: Tree,
    /// Those.
    pub(crate) mappings: ServerConfig,
}

impl Configuration {
    pub(crate) fn load(global: &Global) -> Result<Self, Failure> {
        let file = global.config.clone().map(ConfigFile::read).transpose()?;
        let mut warnings = Vec::new();
        let log_format = match global.log_format.as_deref() {
            None | Some("text") => Format::Text,
            Some("json") => Format::Json,
            // As the Go program has it.
            Some(_) => {
                warnings.push("--log-format is neither text nor json; text is used".to_owned());
                Format::Text
            }
        };
        let log_level = match global.log_verbosity.as_deref() {
            None => Level::default(),
            Some(name) => Level::parse(name).ok_or_else(|| {
                Failure::new("no such log level")
                    .with_remedy("levels: panic, fatal, error, warning, info, debug, trace")
            })?,
        };
        let features = FeatureGates::parse(&global.feature_gates)?;
        Ok(Self {
            log_format,
            log_level,
            features,
            program: global.program,
            file,
            warnings,
            cluster_ids: global.cluster_id.iter().filter(|id| !id.is_empty()).cloned().collect(),
        })
    }

    /// The cluster's id. Of several flags the last one counts, of several in the file the first.
    pub(crate) fn cluster_id(&self) -> Result<ClusterId, Failure> {
        match self.cluster_ids.last() {
            Some(id) => flag_id(id),
            None => Ok(self.cluster_ids()?.swap_remove(0)),
        }
    }

    /// The ids of all clusters, at least one and each once: those of the flags, or else `clusterID` and then `clusterIDs`.
    pub(crate) fn cluster_ids(&self) -> Result<Vec<ClusterId>, Failure> {
        let mut ids = Vec::new();
        let mut add = |id| {
            if !ids.contains(&id) {
                ids.push(id);
            }
        };
        for id in &self.cluster_ids {
            add(flag_id(id)?);
        }
        if self.cluster_ids.is_empty() {
            for key in ["clusterID", "clusterIDs"] {
                for id in self.items(&[key]) {
                    add(ClusterId::parse(id).map_err(|error| self.misfit(&[key], &error.to_string()))?);
                }
            }
        }
        match ids.is_empty() {
            false => Ok(ids),
            true => Err(Failure::new("no cluster id was given").with_remedy(
                "use --cluster-id, KUBERNETES_AWS_AUTHENTICATOR_CLUSTER_ID, or clusterID in the configuration",
            )),
        }
    }

    /// A value of the file, by its keys in any letter case.
    pub(crate) fn node(&self, keys: &[&str]) -> Option<&Node> {
        self.file.as_ref()?.tree.root()?.path_ignore_case(keys)
    }

    /// A text of the file; a number or boolean is the text it was written as.
    pub(crate) fn text(&self, keys: &[&str]) -> Option<&str> {
        self.node(keys)?.as_str().filter(|text| !text.is_empty())
    }

    /// The texts of a list in the file; a single text is a list of what commas and blanks separate in it.
    pub(crate) fn texts(&self, keys: &[&str]) -> Vec<String> {
        match self.node(keys).filter(|node| node.as_list().is_none()).and_then(Node::as_str) {
            None => self.items(keys).into_iter().map(str::to_owned).collect(),
            Some(text) => {
                let texts = text.split(|c: char| c == ',' || c.is_ascii_whitespace());
                texts.filter(|text| !text.is_empty()).map(str::to_owned).collect()
            }
        }
    }

    /// The texts of a list in the file, or the one that stands in place of a list.
    fn items(&self, keys: &[&str]) -> Vec<&str> {
        let Some(node) = self.node(keys) else { return Vec::new() };
        let items = node.as_list().unwrap_or(std::slice::from_ref(node));
        items.iter().filter_map(Node::as_str).filter(|text| !text.is_empty()).collect()
    }

    /// Refuses a value that is a list or a map where `what` belongs: reading nothing from it would be silent.
    pub(crate) fn expect(&self, keys: &[&str], list: bool) -> Result<(), Failure> {
        let scalar = |node: &Node| node.as_str().is_some() || node.is_null();
        let fits = |node: &Node| match node.as_list() {
            Some(items) => list && items.iter().all(scalar),
            None => scalar(node),
        };
        match self.node(keys).filter(|node| !fits(node)) {
            None => Ok(()),
            Some(node) => {
                let (wanted, kind) = (if list { "a list of texts" } else { "a text" }, node.kind());
                Err(self
                    .misfit(keys, &format!("this has to be {wanted}"))
                    .with_remedy(format!("replace {kind} by {wanted}, or remove the key to have the default")))
            }
        }
    }

    /// What was meant by a value that does not fit: file, line and key.
    pub(crate) fn misfit(&self, keys: &[&str], problem: &str) -> Failure {
        let line = self.node(keys).map_or(0, |node| node.span.start.line);
        let path = self.file.as_ref().map(|file| file.path.display().to_string()).unwrap_or_default();
        Failure::new(format!("{path}:{line}: {}: {problem}", keys.join(".")))
    }
}

fn flag_id(id: &str) -> Result<ClusterId, Failure> {
    ClusterId::parse(id).map_err(|error| {
        Failure::new(format!("--cluster-id: {error}"))
            .with_remedy("use the id that everyone uses who logs in to the cluster")
    })
}

impl ConfigFile {
    fn read(path: PathBuf) -> Result<Self, Failure> {
        let text = fs::read_to_string(&path).map_err(|error| {
            Failure::new(format!("cannot read the configuration file {}: {error}", path.display()))
                .with_remedy("--config takes the path of a YAML file that the program may read")
        })?;
        let (tree, mappings) = ServerConfig::read(&text).map_err(|error| {
            let at = format!("{}:{}:{}", path.display(), error.at.line, error.at.column);
            Failure::new(format!("{at}: {}", error.problem)).with_remedy("mend the YAML around that place")
        })?;
        Ok(Self { path, text, tree, mappings })
    }
}
