//! The names of backends and of the lists in them.

use crate::{MappingError, suggest};
use serde::Serialize;
use std::fmt;

/// Where mappings come from: `--backend-mode`, `server.backendMode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub enum BackendMode {
    /// The server's configuration file.
    MountedFile,
    /// The ConfigMap `aws-auth` in `kube-system`.
    #[serde(rename = "EKSConfigMap")]
    EksConfigMap,
    /// `IAMIdentityMapping` objects.
    #[serde(rename = "CRD")]
    Crd,
    /// A JSON file that is read again when it changes.
    DynamicFile,
}

impl BackendMode {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::MountedFile, Self::EksConfigMap, Self::Crd, Self::DynamicFile];

    /// Reads a mode's name, or its deprecated one (`File`, `ConfigMap`). Letter case counts, as in the Go program.
    ///
    /// # Errors
    /// [`MappingError::UnknownBackendMode`] with the nearest name.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        match text {
            "MountedFile" | "File" => Ok(Self::MountedFile),
            "EKSConfigMap" | "ConfigMap" => Ok(Self::EksConfigMap),
            "CRD" => Ok(Self::Crd),
            "DynamicFile" => Ok(Self::DynamicFile),
            _ => {
                let nearest = suggest::nearest(text, Self::ALL.map(Self::as_str));
                Err(MappingError::UnknownBackendMode { nearest })
            }
        }
    }

    /// The mode's name, never a deprecated one.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MountedFile => "MountedFile",
            Self::EksConfigMap => "EKSConfigMap",
            Self::Crd => "CRD",
            Self::DynamicFile => "DynamicFile",
        }
    }

    /// Whether a name that [`parse`](Self::parse) reads is an old one, and the mode's name now.
    pub fn replacement(text: &str) -> Option<&'static str> {
        match text {
            "File" => Some("MountedFile"),
            "ConfigMap" => Some("EKSConfigMap"),
            _ => None,
        }
    }
}

impl fmt::Display for BackendMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for BackendMode {
    type Err = MappingError;
    fn from_str(text: &str) -> Result<Self, MappingError> {
        Self::parse(text)
    }
}

/// The list that an entry stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub enum List {
    /// `mapRoles`
    #[serde(rename = "mapRoles")]
    Roles,
    /// `mapUsers`
    #[serde(rename = "mapUsers")]
    Users,
    /// `mapAccounts`
    #[serde(rename = "mapAccounts")]
    Accounts,
    /// `IAMIdentityMapping` objects, ordered by name.
    #[serde(rename = "IAMIdentityMapping")]
    Objects,
}

impl List {
    /// The key or kind as documents spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Roles => "mapRoles",
            Self::Users => "mapUsers",
            Self::Accounts => "mapAccounts",
            Self::Objects => "IAMIdentityMapping",
        }
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deprecated_names_are_read_and_never_written() {
        for (text, mode) in [("File", BackendMode::MountedFile), ("ConfigMap", BackendMode::EksConfigMap)] {
            assert_eq!(BackendMode::parse(text), Ok(mode));
            assert_eq!(BackendMode::replacement(text), Some(mode.as_str()));
        }
        for mode in BackendMode::ALL {
            assert_eq!(BackendMode::parse(mode.as_str()), Ok(mode));
            assert_eq!(BackendMode::replacement(mode.as_str()), None);
        }
    }

    #[test]
    fn other_letter_case_is_refused_with_the_right_name() {
        let refused = BackendMode::parse("eksconfigmap").unwrap_err();
        assert_eq!(refused, MappingError::UnknownBackendMode { nearest: Some("EKSConfigMap") });
    }
}
