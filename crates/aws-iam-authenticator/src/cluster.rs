//! What an API server has: the ConfigMap `aws-auth` and `IAMIdentityMapping` objects, read and written once.

use crate::cli::KubeArgs;
use crate::{Failure, sts, transport};
use http::{Method, Request, header::CONTENT_TYPE};
use k8s_aws_auth::mapping::IdentityMappingSpec;
use k8s_aws_auth_kube::ApiServer;
use kube::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::runtime::Runtime;

const AWS_AUTH: &str = "/api/v1/namespaces/kube-system/configmaps/aws-auth";
const IDENTITY_MAPPINGS: &str = "/apis/iamauthenticator.k8s.aws/v1alpha1/iamidentitymappings";

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A cluster's API server.
pub(crate) struct Cluster {
    client: Client,
    runtime: Runtime,
}

/// The ConfigMap as it was read: everything in it, so that what others put there is written back.
#[derive(Clone, Debug)]
pub(crate) struct ConfigMap(Value);

impl ConfigMap {
    pub(crate) fn data(&self) -> BTreeMap<String, String> {
        let data = self.0.get("data").and_then(Value::as_object).into_iter().flatten();
        data.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    }

    /// The same with other data. It still says which version it was made from.
    #[must_use]
    pub(crate) fn with_data(mut self, data: BTreeMap<String, String>) -> Self {
        if let Value::Object(fields) = &mut self.0 {
            fields.insert("data".to_owned(), data.into_iter().map(|(key, text)| (key, Value::from(text))).collect());
        }
        self
    }
}

/// Why the API server did not do it.
enum Refused {
    /// There is no such object, or no such kind of object.
    NotFound,
    /// Somebody else wrote the object in between.
    Conflict,
    Failed(Failure),
}

/// What became of a write.
pub(crate) enum Written {
    Done,
    /// Somebody else wrote the object in between; nothing was written.
    Conflict,
}

impl Cluster {
    pub(crate) fn connect(arguments: &KubeArgs) -> Result<Self, Failure> {
        transport::choose_cryptography();
        let runtime = sts::runtime()?;
        let server = ApiServer {
            kubeconfig: arguments.kubeconfig.clone(),
            context: arguments.kubeconfig_context.clone(),
            master: arguments.master_url.clone(),
            in_cluster: false,
        };
        let client = runtime.block_on(server.client()).map_err(|error| {
            Failure::new(error).with_remedy("say which API server: --kubeconfig, --kubeconfig-context, --master-url")
        })?;
        Ok(Self { client, runtime })
    }

    /// The ConfigMap `aws-auth`, if there is one.
    pub(crate) fn aws_auth(&self) -> Result<Option<ConfigMap>, Failure> {
        self.read(AWS_AUTH, "the ConfigMap aws-auth").map(|object| object.map(ConfigMap))
    }

    /// Puts it in the place of the version that it was made from.
    pub(crate) fn replace_aws_auth(&self, map: &ConfigMap) -> Result<Written, Failure> {
        match self.send::<Value>(Method::PUT, AWS_AUTH, map.0.to_string().into_bytes(), "the ConfigMap aws-auth") {
            Ok(_) => Ok(Written::Done),
            Err(Refused::Conflict) => Ok(Written::Conflict),
            Err(Refused::NotFound) => Err(Failure::new("the ConfigMap aws-auth was deleted in the meantime")),
            Err(Refused::Failed(failure)) => Err(failure),
        }
    }

    /// The names and specs of the `IAMIdentityMapping`s; none where the cluster does not know such objects.
    pub(crate) fn identity_mappings(&self) -> Result<Option<Vec<(String, IdentityMappingSpec)>>, Failure> {
        #[derive(Deserialize)]
        struct List {
            items: Vec<Object>,
        }
        #[derive(Deserialize)]
        struct Object {
            metadata: Metadata,
            #[serde(default)]
            spec: IdentityMappingSpec,
        }
        #[derive(Deserialize)]
        struct Metadata {
            #[serde(default)]
            name: String,
        }
        let list: Option<List> = self.read(IDENTITY_MAPPINGS, "the IAMIdentityMapping objects")?;
        Ok(list.map(|list| list.items.into_iter().map(|object| (object.metadata.name, object.spec)).collect()))
    }

    fn read<T: DeserializeOwned>(&self, path: &str, what: &str) -> Result<Option<T>, Failure> {
        match self.send(Method::GET, path, Vec::new(), what) {
            Ok(object) => Ok(Some(object)),
            Err(Refused::NotFound) => Ok(None),
            Err(Refused::Conflict) => {
                Err(Failure::new(format!("the API server did not give {what}: it speaks of a conflict")))
            }
            Err(Refused::Failed(failure)) => Err(failure),
        }
    }

    fn send<T: DeserializeOwned>(&self, method: Method, path: &str, body: Vec<u8>, what: &str) -> Result<T, Refused> {
        let verb = if method == Method::GET { "get" } else { "update" };
        let request = Request::builder().method(method).uri(path).header(CONTENT_TYPE, "application/json").body(body);
        let request = request.map_err(|error| Refused::Failed(Failure::new(error)))?;
        let answer = self.runtime.block_on(async { tokio::time::timeout(LIMIT, self.client.request(request)).await });
        let failed = |problem: String| Failure::new(format!("cannot {verb} {what}: {problem}"));
        match answer {
            Ok(Ok(object)) => Ok(object),
            Err(_) => Err(Refused::Failed(failed(format!("no answer within {} s", LIMIT.as_secs())))),
            Ok(Err(kube::Error::Api(status))) => Err(match status.code {
                404 => Refused::NotFound,
                409 => Refused::Conflict,
                code => {
                    let failure =
                        failed(format!("the API server answers {code}: {}", crate::output::printable(&status.message)));
                    Refused::Failed(match code {
                        401 => failure.with_remedy("log in anew; `kubectl auth whoami` tries the same credentials"),
                        403 => failure.with_remedy(format!("ask for a role that may {verb} it in kube-system")),
                        _ => failure,
                    })
                }
            }),
            // What a credential plugin wrote may be a credential.
            Ok(Err(kube::Error::Auth(_))) => {
                Err(Refused::Failed(failed("the kubeconfig's credentials cannot be had".to_owned()).with_remedy(
                    "run the credential plugin of the kubeconfig by hand; `kubectl auth whoami` runs it too",
                )))
            }
            Ok(Err(kube::Error::SerdeError(_))) => {
                Err(Refused::Failed(failed("the answer is none of an API server's".to_owned())))
            }
            Ok(Err(error)) => Err(Refused::Failed(
                failed(in_depth(&error)).with_remedy("check the server in the kubeconfig, and the way to it"),
            )),
        }
    }
}

/// The words of an error and of what caused it.
fn in_depth(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !words.contains(&text) {
            words.push_str(&format!(": {text}"));
        }
        cause = error.source();
    }
    words
}
