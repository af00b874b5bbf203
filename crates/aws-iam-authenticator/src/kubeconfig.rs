//! `kubeconfig`: cluster, user and context for kubectl, with this program as credential plugin.

mod file;
mod model;
mod text;

use crate::cli::{InteractiveMode, KubeconfigArgs};
use crate::config::Configuration;
use crate::names::Program;
use crate::{Failure, output, print};
use base64::{Engine, engine::general_purpose::STANDARD};
use file::File;
use model::{Change, Entry, Kind};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde_yaml::{Mapping, Value};
use std::fs;
use std::path::Path;

pub(crate) fn run(arguments: &KubeconfigArgs, configuration: &Configuration, program: Program) -> Result<(), Failure> {
    let wanted = wanted(arguments, configuration, program)?;
    let file = File::find(arguments.kubeconfig.as_deref())?;
    let _lock = if arguments.dry_run { None } else { Some(file.lock()?) };
    let before = file.read()?;
    let mut model = model::parse(before.as_deref().unwrap_or_default(), &file)?;
    let old = model.clone();
    let entries = [&wanted.cluster, &wanted.user, &wanted.context];
    let mut changes = Vec::new();
    for entry in entries {
        changes.push((entry, model::put(&mut model, entry, arguments.force)?));
    }
    let switch = arguments.use_context || model::current_context(&model).is_none();
    if switch {
        model::set_current_context(&mut model, &wanted.context.name);
    }
    let mut told = String::new();
    for (entry, change) in &changes {
        told.push_str(&format!("{} {}: {}\n", entry.kind.singular(), entry.name, change.word(arguments.dry_run)));
    }
    if switch {
        told.push_str(&format!("current-context: {}\n", wanted.context.name));
    }
    if arguments.dry_run {
        let shown = Value::Mapping(
            entries.map(|entry| (entry.kind.list().into(), vec![entry.item()].into())).into_iter().collect(),
        );
        return print(&format!("{}: not written (--dry-run)\n{told}\n{}", file.shown(), output::yaml(&shown)?));
    }
    if model == old && before.is_some() {
        return print(&format!("{}: nothing to change\n", file.shown()));
    }
    file.write(&text::apply(before.as_deref().unwrap_or_default(), &old, &model)?)?;
    print(&format!("{}: written\n{told}", file.shown()))
}

/// What the flags ask for.
struct Wanted {
    cluster: Entry,
    user: Entry,
    context: Entry,
}

fn wanted(arguments: &KubeconfigArgs, configuration: &Configuration, program: Program) -> Result<Wanted, Failure> {
    let cluster_id = configuration.cluster_id()?;
    let name = arguments.name.as_deref().unwrap_or(cluster_id.as_str());
    let user_name = arguments.user.as_deref().unwrap_or(name);
    let context_name = arguments.context.as_deref().unwrap_or(name);

    let mut cluster = Mapping::new();
    cluster.extend(certificate_authority(arguments)?);
    cluster.insert("server".into(), server(&arguments.server)?.into());

    let mut args: Vec<&str> = vec!["token", "--cluster-id", cluster_id.as_str()];
    for (flag, value) in [("--role", &arguments.role), ("--region", &arguments.region)] {
        args.extend(value.iter().flat_map(|value| [flag, value.as_str()]));
    }
    args.extend(arguments.arguments.iter().map(String::as_str));
    let mode = match arguments.interactive_mode {
        InteractiveMode::IfAvailable => "IfAvailable",
        InteractiveMode::Never => "Never",
        InteractiveMode::Always => "Always",
    };
    let mut exec = Mapping::new();
    exec.insert("apiVersion".into(), "client.authentication.k8s.io/v1".into());
    exec.insert("args".into(), args.into());
    exec.insert("command".into(), arguments.command.as_deref().unwrap_or(program.name).into());
    let environment = environment(arguments)?;
    if !environment.is_empty() {
        exec.insert("env".into(), environment.into());
    }
    exec.insert("interactiveMode".into(), mode.into());
    exec.insert("provideClusterInfo".into(), false.into());

    let mut context = Mapping::new();
    context.insert("cluster".into(), name.into());
    context.extend(arguments.namespace.as_deref().map(|namespace| ("namespace".into(), namespace.into())));
    context.insert("user".into(), user_name.into());
    let user: Mapping = [(Value::from("exec"), Value::from(exec))].into_iter().collect();
    Ok(Wanted {
        cluster: Entry { kind: Kind::Cluster, name: name.to_owned(), value: cluster },
        user: Entry { kind: Kind::User, name: user_name.to_owned(), value: user },
        context: Entry { kind: Kind::Context, name: context_name.to_owned(), value: context },
    })
}

/// Whoever reads a bearer token on its way has it, so there is no way to send one but over TLS.
fn server(url: &str) -> Result<&str, Failure> {
    let https = url.parse::<http::Uri>().is_ok_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some());
    match https {
        true => Ok(url),
        false => {
            Err(Failure::usage("--server is not the URL of an API server")
                .with_remedy("such as https://api.example:6443"))
        }
    }
}

fn certificate_authority(arguments: &KubeconfigArgs) -> Result<Option<(Value, Value)>, Failure> {
    const DATA: &str = "certificate-authority-data";
    if let Some(data) = &arguments.certificate_authority_data {
        let pem = STANDARD.decode(data).map_err(|_| Failure::usage("--certificate-authority-data is not base64"))?;
        check_certificates(&pem, "--certificate-authority-data")?;
        return Ok(Some((DATA.into(), data.as_str().into())));
    }
    let Some(path) = &arguments.certificate_authority else { return Ok(None) };
    let cannot_read = |error| Failure::new(format!("cannot read {}: {error}", path.display()));
    let pem = fs::read(path).map_err(cannot_read)?;
    check_certificates(&pem, &path.display().to_string())?;
    Ok(Some(match arguments.keep_certificate_path {
        // Paths in a kubeconfig count from the folder of the kubeconfig.
        true => ("certificate-authority".into(), shown(&std::path::absolute(path).map_err(cannot_read)?).into()),
        false => (DATA.into(), STANDARD.encode(pem).into()),
    }))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A kubeconfig is handed around; a key that got in with the certificates would be too.
fn check_certificates(pem: &[u8], from: &str) -> Result<(), Failure> {
    if pem.windows(12).any(|window| window == b"PRIVATE KEY-") {
        return Err(Failure::new(format!("{from} has a private key in it")).with_remedy("give the certificates alone"));
    }
    let mut certificates = CertificateDer::pem_slice_iter(pem).peekable();
    match certificates.peek().is_some() && certificates.all(|certificate| certificate.is_ok()) {
        true => Ok(()),
        false => Err(Failure::new(format!("{from} is not a PEM text with certificates"))
            .with_remedy("give the CA that signed the API server's certificate")),
    }
}

fn environment(arguments: &KubeconfigArgs) -> Result<Vec<Value>, Failure> {
    let mut variables = Vec::new();
    variables.extend(arguments.profile.as_deref().map(|profile| ("AWS_PROFILE", profile)));
    for variable in &arguments.environment {
        let pair = variable.split_once('=').filter(|(name, _)| !name.is_empty());
        variables.push(pair.ok_or_else(|| Failure::usage("--env is not of the form NAME=VALUE"))?);
    }
    if variables.iter().any(|(name, _)| matches!(*name, "AWS_SECRET_ACCESS_KEY" | "AWS_SESSION_TOKEN")) {
        return Err(Failure::usage("a kubeconfig is no place for secret keys")
            .with_remedy("put them into a profile of ~/.aws/credentials, and name it with --profile"));
    }
    let entry = |(name, value): (&str, &str)| {
        let entry: Mapping = [("name", name), ("value", value)]
            .map(|(key, text)| (Value::from(key), Value::from(text)))
            .into_iter()
            .collect();
        Value::from(entry)
    };
    Ok(variables.into_iter().map(entry).collect())
}

impl Change {
    fn word(self, dry_run: bool) -> &'static str {
        match (self, dry_run) {
            (Self::None, _) => "is there already",
            (Self::Added, false) => "added",
            (Self::Added, true) => "would be added",
            (Self::Changed, false) => "changed",
            (Self::Changed, true) => "would be changed",
        }
    }
}
