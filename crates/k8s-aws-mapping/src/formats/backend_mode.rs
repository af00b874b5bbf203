//! The JSON file that switches the chain of backends at run time.

use crate::tree::{Node, Tree};
use crate::{BackendMode, MappingError};

/// What the file of `dynamicBackendModePath` says.
///
/// ```
/// use k8s_aws_mapping::{BackendMode, BackendModeFile};
///
/// let file = BackendModeFile::parse(r#"{"Version": "2", "backendMode": "DynamicFile CRD"}"#)?;
/// assert_eq!(file.modes, [BackendMode::DynamicFile, BackendMode::Crd]);
/// # Ok::<(), k8s_aws_mapping::MappingError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackendModeFile {
    /// The backends, in the order in which they are asked.
    pub modes: Vec<BackendMode>,
    /// `Version`
    pub version: Option<String>,
    /// `LastUpdatedDateTime`: when the writer of the file made it, in Unix seconds as a text.
    pub last_updated: Option<String>,
}

impl BackendModeFile {
    /// Reads the file: `{"LastUpdatedDateTime", "Version", "backendMode": "A B"}`, keys in any letter case.
    ///
    /// It is taken as a whole or not at all: half a chain would map callers differently than either chain.
    ///
    /// # Errors
    /// [`MappingError::BackendModeDocument`], and what [`parse_modes`] gives.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        let wrong = |problem| MappingError::BackendModeDocument { problem };
        let tree = Tree::from_json(text).map_err(|_| wrong("it is not JSON"))?;
        let root = tree.root().filter(|r| r.as_map().is_some()).ok_or(wrong("it is no JSON object"))?;
        let modes = root.get_ignore_case("backendMode").ok_or(wrong("it has no `backendMode`"))?;
        let modes = modes.as_str().ok_or(wrong("`backendMode` is no text"))?;
        let text = |key: &str| root.get_ignore_case(key).and_then(Node::as_str).map(str::to_owned);
        Ok(Self {
            modes: parse_modes(modes.split_ascii_whitespace())?,
            version: text("Version"),
            last_updated: text("LastUpdatedDateTime"),
        })
    }
}

/// Reads a chain of backend modes, deprecated names included.
///
/// # Errors
/// [`MappingError::UnknownBackendMode`], [`MappingError::BackendModeTwice`], [`MappingError::NoBackendMode`].
pub fn parse_modes<'m>(modes: impl IntoIterator<Item = &'m str>) -> Result<Vec<BackendMode>, MappingError> {
    let mut out = Vec::new();
    for mode in modes {
        let mode = BackendMode::parse(mode)?;
        if out.contains(&mode) {
            return Err(MappingError::BackendModeTwice { mode });
        }
        out.push(mode);
    }
    if out.is_empty() { Err(MappingError::NoBackendMode) } else { Ok(out) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_taken_whole_or_refused() {
        for (text, reason) in [
            ("", "backend_mode_document"),
            ("[]", "backend_mode_document"),
            ("{\"backendMode\": [\"CRD\"]}", "backend_mode_document"),
            ("{\"backendMode\": \"CRD\"", "backend_mode_document"),
            ("{\"Version\": \"1\"}", "backend_mode_document"),
            ("{\"backendMode\": \" \"}", "backend_mode_missing"),
            ("{\"backendMode\": \"CRD crd\"}", "backend_mode_unknown"),
            ("{\"backendMode\": \"CRD CRD\"}", "backend_mode_twice"),
            ("{\"backendMode\": \"File MountedFile\"}", "backend_mode_twice"),
        ] {
            assert_eq!(BackendModeFile::parse(text).map_err(|e| e.reason()), Err(reason), "{text}");
        }
        let file = BackendModeFile::parse(r#"{"LastUpdatedDateTime":"17","BackendMode":"File  ConfigMap"}"#).unwrap();
        assert_eq!(file.modes, [BackendMode::MountedFile, BackendMode::EksConfigMap]);
        assert_eq!(file.last_updated.as_deref(), Some("17"));
    }
}
