//! `server`: the webhook that API servers ask about tokens.

mod access_log;
mod announce;
mod certificate;
mod changes;
mod clusters;
mod connection;
mod connections;
pub(crate) mod files;
mod health;
mod init;
mod instances;
mod keys;
mod kubeconfig;
mod kubernetes;
mod listener;
mod mappings;
mod metrics;
mod protection;
mod region;
mod reload;
mod routes;
mod settings;
mod tls;
mod unsent;
mod validity;
mod watch;

use crate::cli::ServerArgs;
use crate::config::Configuration;
use crate::{Failure, Log, transport};
use connections::Connections;
pub(crate) use init::init;
use instances::Ec2Names;
use k8s_aws_auth::identity::ClusterId;
use k8s_aws_auth::mapping::ServerConfig;
use k8s_aws_auth::sts::{Policy, TransportFailure, Verifier};
use k8s_aws_auth::{Authenticator, Event, Observer, Outcome};
use k8s_aws_auth_hyper::TransportError;
use k8s_aws_auth_tower::{Driver, IdentityCache, Webhook};
pub(crate) use keys::{OUR_KEYS, OUR_TOP_KEYS};
use kubernetes::Kubernetes;
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

pub(crate) fn run(arguments: &ServerArgs, mut configuration: Configuration, log: Arc<Log>) -> Result<(), Failure> {
    transport::choose_cryptography();
    configuration.warnings.iter().for_each(|warning| log.warning(warning, &[]));
    let settings = Arc::new(Settings::gather(arguments, &configuration)?);
    settings.warnings.iter().for_each(|warning| log.warning(warning, &[]));
    let metrics = Arc::new(Metrics::new());
    let read = configuration.file.take();
    let file = read.as_ref();
    let config = file.map_or_else(|| ServerConfig::parse(""), |file| file.mappings.clone());
    let config_file = file.map(|file| (file.path.clone(), reload::hash(&[Some(file.text.clone().into_bytes())])));
    let shown = file.map(|file| file.path.display().to_string()).unwrap_or_default();
    let how = (configuration.features.sso_role_match, settings.strict_user_ids);
    let mappings = Arc::new(Mappings::new(config, settings.backend_modes.clone(), how, metrics.clone()));
    let ignored = mappings.report_config(&shown, &log);
    let odd = file.map(|file| keys::odd(&file.tree)).unwrap_or_default();
    mappings::report(odd.iter(), &shown, &log);
    if arguments.strict_config || arguments.check_config {
        keys::refuse(&odd, &shown)?;
    }
    if arguments.check_config {
        return check(&settings, &mappings, (ignored, &metrics), &log);
    }
    announce::announce(&mappings, &settings.scrubbed_accounts, &log);
    // Nobody needs the text any more, and the server lives long.
    drop(read);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers())
        .max_blocking_threads(MOST_LOOKUPS)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    runtime.block_on(serve(settings, config_file, mappings, metrics, log))
}

/// The most threads that look up host names at a time: each takes memory of its own.
const MOST_LOOKUPS: usize = 8;
/// The most threads that serve. Each takes memory of its own, and one serves some thousand logins a second.
const MOST_WORKERS: usize = 4;

fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(MOST_WORKERS)
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
    kubernetes::check(&settings).await?;
    let identity = certificate::load_or_create(&settings, &log)?;
    // A pair that cannot be served is refused before an API server is told to trust it.
    let certificate = ServingCertificate::new(&identity, &metrics, &log)?;
    let listener = TcpListener::bind((settings.address.as_str(), settings.port))
        .await
        .map_err(|error| Failure::new(format!("cannot listen on {}:{}: {error}", settings.address, settings.port)))?;
    let address = listener.local_addr().map_err(Failure::new)?;
    if !settings.kubeconfig_pregenerated {
        kubeconfig::write(&settings, address.port(), &identity, &log)?;
    }

    let transport = transport::ToSts::new(&settings.sts)?;
    let usual_host = transport.usual_host();
    let authenticator =
        Authenticator::new(Verifier::new(policy)).with_scrubbed_accounts(settings.scrubbed_accounts.clone());
    let current = mappings.clone();
    let names = Ec2Names::new(&settings.ec2, settings.partition, &transport.kept, metrics.clone(), log.clone());
    let driver = Driver::builder(authenticator, transport, move || current.snapshot())
        .failures(classify)
        .identity_cache(IdentityCache::new(settings.identity_cache_ttl, MAX_IDENTITIES))
        .instances(names)
        .protection(settings.sts.clone(), tokio::time::sleep, protection::random())
        .observer(Observers { log: access_log::StsLog::new(log.clone()), metrics: metrics.clone(), usual_host })
        .build();
    let webhook =
        |cluster: &ClusterId| Webhook::new(driver.clone(), cluster.clone()).with_audiences(settings.audiences.clone());
    let webhooks = settings.clusters.iter().map(webhook).collect();
    let paths = settings.clusters.iter().map(clusters::decoded_path).collect();
    let health = listener::spawn_health(settings.health_address, &mappings, &log).await;
    let reload = Reload::new(config_file, &settings, &mappings, &certificate, &log);
    let kubernetes = Kubernetes::new(&settings, &mappings, &metrics, &log);
    let kubernetes = tokio::spawn(kubernetes.run(mappings.chain()));
    let connections = Connections::new(settings.max_connections);
    let routes =
        Arc::new(Routes { webhooks, paths, mappings, metrics, connections: connections.clone(), log: log.clone() });
    // Before the line that says so: who reads it may send a signal at once.
    let stop = listener::told_to_stop();
    for (position, cluster) in settings.clusters.iter().enumerate().rev() {
        let path = clusters::url_path(position, cluster);
        log.info("listening", &[("address", address.to_string().into()), ("path", path.into())]);
    }
    let serving = listener::serve(listener, certificate.config(), routes, &connections, stop, &log);
    // The files are read on this thread, as they were at the start: each thread keeps the memory that it freed to itself, and large
    // files read by one thread after the other would take it for each.
    let here = tokio::task::LocalSet::new();
    here.spawn_local(reload.run());
    here.run_until(serving).await;
    kubernetes.abort();
    if let Some(health) = health {
        health.abort();
    }
    Ok(())
}

/// `--check-config`: everything that a start does, short of making files and listening.
fn check(
    settings: &Settings,
    mappings: &Mappings,
    (mut ignored, metrics): (usize, &Arc<Metrics>),
    log: &Arc<Log>,
) -> Result<(), Failure> {
    policy(settings)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Failure::new)?.block_on(kubernetes::check(settings))?;
    if let Some(path) = &settings.dynamic_file
        && let Some(text) = files::read_text_if_there(path)?
    {
        ignored += mappings.load_dynamic_file(Some(&text), &path.display().to_string(), log);
    }
    if let Some(path) = &settings.backend_mode_file
        && let Some(text) = files::read_text_if_there(path)?
    {
        mappings
            .load_backend_modes(Some(&text), log)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    }
    let [certificate, key] = certificate::paths(settings);
    if certificate.exists() || key.exists() {
        ServingCertificate::new(&certificate::load(settings)?, metrics, log)?;
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
    usual_host: transport::UsualHost,
}

impl Observer for Observers {
    fn observe(&self, event: Event<'_>) {
        if let Event::Decided { outcome: Outcome::Authenticated(granted), .. } = event {
            self.usual_host.note(granted.caller().endpoint());
        }
        self.log.observe(event);
        self.metrics.observe(event);
    }
}

/// What a failure to reach STS means to the verifier.
pub(crate) fn classify(error: &TransportError) -> TransportFailure {
    match error {
        TransportError::Timeout { .. } => TransportFailure::Timeout,
        TransportError::BodyTooLong { .. } => TransportFailure::AnswerTooLong,
        _ => TransportFailure::Unreachable,
    }
}
