//! The ConfigMap `aws-auth`.

use super::Objects;
use super::watch::Place;
use super::wire;
use crate::KubeError;
use k8s_aws_mapping::Document;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// All that may be read of the ConfigMaps of `kube-system` is this one.
pub(crate) const PLACE: Place =
    Place { path: "/api/v1/namespaces/kube-system/configmaps", selector: "&fieldSelector=metadata.name%3Daws-auth" };

#[derive(Default)]
pub(crate) struct AwsAuth {
    document: Option<Document>,
    incoming: Option<Document>,
}

#[derive(Deserialize)]
struct ConfigMap {
    metadata: Name,
    #[serde(default)]
    data: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

/// None for another ConfigMap, as from an API server that does not know the selector.
fn read(object: &RawValue) -> Result<Option<ConfigMap>, KubeError> {
    let found: ConfigMap = wire::read(object.get().as_bytes(), "it is no ConfigMap")?;
    Ok((found.metadata.name == "aws-auth").then_some(found))
}

fn document(found: ConfigMap) -> Document {
    Document::from_aws_auth(found.data.unwrap_or_default())
}

impl Objects for AwsAuth {
    fn begin(&mut self) {
        self.incoming = None;
    }

    fn listed(&mut self, object: &RawValue) -> Result<(), KubeError> {
        if let Some(found) = read(object)? {
            self.incoming = Some(document(found));
        }
        Ok(())
    }

    fn end(&mut self) {
        self.document = self.incoming.take();
    }

    fn put(&mut self, object: &RawValue) -> Result<bool, KubeError> {
        let found = read(object)?;
        let ours = found.is_some();
        if let Some(found) = found {
            self.document = Some(document(found));
        }
        Ok(ours)
    }

    fn delete(&mut self, object: &RawValue) -> Result<bool, KubeError> {
        let ours = read(object)?.is_some();
        if ours {
            self.document = None;
        }
        Ok(ours)
    }

    fn document(&self) -> Document {
        self.document.clone().unwrap_or_else(Document::empty)
    }
}
