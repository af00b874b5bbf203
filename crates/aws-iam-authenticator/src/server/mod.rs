//! `server`: the webhook that API servers ask about tokens.

mod access_log;
mod certificate;
mod files;
mod health;
mod init;
mod kubeconfig;
mod listener;
mod mappings;
mod metrics;
mod reload;
mod routes;
mod settings;
mod tls;
mod watch;

use crate::cli::ServerArgs;
use crate::config::Configuration;
use crate::{Failure, Log, transport};
pub(crate) use init::init;
use k8s_aws_auth::mapping::{Finding, ServerConfig, unknown_keys};
use k8s_aws_auth::sts::{Policy, TransportFailure, Verifier};
use k8s_aws_auth::{Authenticator, Event, Observer};
use k8s_aws_auth_hyper::TransportError;
use k8s_aws_auth_tower::{Driver, IdentityCache, Webhook};
use mappings::Mappings;
use metrics::Metrics;
use reload::Reload;
use routes::Routes;
use settings::Settings;
use std::path::PathBuf;
use std::sync::Arc;
use tls::ServingCertificate;
use tokio::net::TcpListener;

/// The most callers that are remembered at a time, about 1 KiB each.
const MAX_IDENTITIES: usize = 4096;

pub(crate) fn run(arguments: &ServerArgs, configuration: &Configuration, log: Arc<Log>) -> Result<(), Failure> {
    transport::choose_cryptography();
    let settings = Arc::new(Settings::gather(arguments, configuration)?);
    let metrics = Arc::new(Metrics::new());
    let file = configuration.file.as_ref();
    let config = file.map_or_else(|| ServerConfig::parse(""), |file| ServerConfig::from_tree(&file.tree));
    let config_file = file.map(|file| (file.path.clone(), reload::hash(&[Some(file.text.clone().into_bytes())])));
    let shown = file.map(|file| file.path.display().to_string()).unwrap_or_default();
    let how = (configuration.features.sso_role_match, settings.strict_user_ids);
    let mappings = Arc::new(Mappings::new(config, settings.backend_modes.clone(), how, metrics.clone()));
    let ignored = mappings.report_config(&shown, &log);
    let unknown = file.map(|file| unknown_keys(&file.tree, &[], OUR_KEYS)).unwrap_or_default();
    mappings::report(unknown.iter(), &shown, &log);
    if arguments.strict_config || arguments.check_config {
        refuse_unknown(&unknown, &shown)?;
    }
    if arguments.check_config {
        return check(&settings, &mappings, ignored, &log);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    runtime.block_on(serve(settings, config_file, mappings, metrics, log))
}

/// Which tokens are sent to STS at all.
fn policy(settings: &Settings) -> Result<Policy, Failure> {
    let policy = settings.regions.iter().try_fold(Policy::new(settings.partition), Policy::with_region);
    policy.map_err(|error| Failure::new(format!("server.stsRegions: {error}")))
}

async fn serve(
    settings: Arc<Settings>,
    config_file: Option<(PathBuf, u64)>,
    mappings: Arc<Mappings>,
    metrics: Arc<Metrics>,
    log: Arc<Log>,
) -> Result<(), Failure> {
    // Before any file is made: what refuses to start leaves nothing behind.
    let policy = policy(&settings)?;
    let identity = certificate::load_or_create(&settings, &log)?;
    // A pair that cannot be served is refused before an API server is told to trust it.
    let certificate = ServingCertificate::new(&identity)?;
    let listener = TcpListener::bind((settings.address.as_str(), settings.port))
        .await
        .map_err(|error| Failure::new(format!("cannot listen on {}:{}: {error}", settings.address, settings.port)))?;
    let address = listener.local_addr().map_err(Failure::new)?;
    if !settings.kubeconfig_pregenerated {
        kubeconfig::write(&settings, address.port(), &identity, &log)?;
    }

    let transport = transport::to_aws()?;
    let authenticator =
        Authenticator::new(Verifier::new(policy)).with_scrubbed_accounts(settings.scrubbed_accounts.clone());
    let current = mappings.clone();
    let driver = Driver::builder(authenticator, transport, move || current.snapshot())
        .failures(classify)
        .identity_cache(IdentityCache::new(settings.identity_cache_ttl, MAX_IDENTITIES))
        .observer(Observers { log: access_log::StsLog::new(log.clone()), metrics: metrics.clone() })
        .build();
    let webhook = Webhook::new(driver, settings.cluster_id.clone()).with_audiences(settings.audiences.clone());
    let health = listener::spawn_health(settings.health_address, &mappings, &log).await;
    let reload = Reload::new(config_file, &settings, &mappings, &certificate, &log);
    let reload = tokio::spawn(reload.run());
    let routes = Arc::new(Routes { webhook, mappings, metrics, log: log.clone() });
    // Before the line that says so: who reads it may send a signal at once.
    let stop = listener::told_to_stop();
    log.info("listening", &[("address", address.to_string().into()), ("path", "/authenticate".into())]);
    listener::serve(listener, certificate.config(), routes, stop, &log).await;
    reload.abort();
    if let Some(health) = health {
        health.abort();
    }
    Ok(())
}

/// The keys under `server` that the Go program does not have.
const OUR_KEYS: &[&str] = &["audiences", "healthAddress", "identityCacheSeconds", "stsRegions"];

/// A deployment of the Go program has to start, so a key that means nothing is a warning unless this was asked for.
fn refuse_unknown(unknown: &[Finding], path: &str) -> Result<(), Failure> {
    match unknown.first() {
        None => Ok(()),
        Some(finding) => {
            let line = finding.span.map_or(0, |span| span.start.line);
            Err(Failure::new(format!("{path}:{line}: {}", finding.message)))
        }
    }
}

/// `--check-config`: everything that a start does, short of making files and listening.
fn check(settings: &Settings, mappings: &Mappings, mut ignored: usize, log: &Log) -> Result<(), Failure> {
    policy(settings)?;
    if let Some(path) = &settings.dynamic_file
        && let Some(text) = files::read_text_if_there(path)?
    {
        ignored += mappings.load_dynamic_file(Some(&text), &path.display().to_string(), log);
    }
    if let Some(path) = &settings.backend_mode_file
        && let Some(text) = files::read_text_if_there(path)?
    {
        mappings
            .load_backend_modes(Some(&text))
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    }
    let [certificate, key] = certificate::paths(settings);
    if certificate.exists() || key.exists() {
        ServingCertificate::new(&certificate::load(settings)?)?;
    }
    transport::to_aws()?;
    if ignored > 0 {
        return Err(
            Failure::new(format!("{ignored} entries of the mappings are ignored")).with_remedy("see the lines above")
        );
    }
    let rules: usize = mappings.snapshot().backends().iter().filter_map(|b| Some(b.document()?.rules().count())).sum();
    log.info("the configuration is good", &[("rules", u64::try_from(rules).unwrap_or(u64::MAX).into())]);
    Ok(())
}

/// Who wants to know what happens.
struct Observers {
    log: access_log::StsLog,
    metrics: Arc<Metrics>,
}

impl Observer for Observers {
    fn observe(&self, event: Event<'_>) {
        self.log.observe(event);
        self.metrics.observe(event);
    }
}

fn classify(error: &TransportError) -> TransportFailure {
    match error {
        TransportError::Timeout { .. } => TransportFailure::Timeout,
        TransportError::BodyTooLong { .. } => TransportFailure::AnswerTooLong,
        _ => TransportFailure::Unreachable,
    }
}
