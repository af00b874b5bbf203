//! `init`: what the server needs, made before it runs, to be handed to the machines it will run on.

use super::settings::Settings;
use super::{certificate, kubeconfig};
use crate::cli::{InitArgs, ServerArgs};
use crate::config::Configuration;
use crate::{Failure, Log};
use std::path::{Path, PathBuf};

/// Writes certificate, key and webhook kubeconfig: into the working directory, or with the feature gate
/// `ConfiguredInitDirectories` to where the server looks for them. A pair that is there already is kept; the kubeconfig is
/// written anew.
pub(crate) fn init(arguments: &InitArgs, configuration: &Configuration, log: &Log) -> Result<(), Failure> {
    let flags = ServerArgs { address: arguments.address.clone(), ..ServerArgs::default() };
    let mut settings = Settings::gather(&flags, configuration)?;
    if let Some(hostname) = &arguments.hostname {
        settings.hostname.clone_from(hostname);
    }
    let state_dir = settings.state_dir.clone();
    let kubeconfigs: Vec<PathBuf> = settings.kubeconfigs(settings.port).map(|(path, _)| path).collect();
    let in_place = configuration.features.configured_init_directories;
    if !in_place {
        settings.state_dir = ".".into();
        settings.generate_kubeconfig = configuration.program.init_kubeconfig.into();
    }
    let identity = certificate::load_or_create(&settings, log)?;
    kubeconfig::write(&settings, settings.port, &identity, log)?;

    if !in_place {
        for name in ["cert.pem", "key.pem"] {
            tell_to_copy(name, &state_dir.join(name), log);
        }
        for ((written, _), kubeconfig) in settings.kubeconfigs(settings.port).zip(&kubeconfigs) {
            tell_to_copy(&written.display().to_string(), kubeconfig, log);
        }
    }
    for (kubeconfig, cluster) in kubeconfigs.iter().zip(&settings.clusters) {
        let message = format!(
            "configure your apiserver with `--authentication-token-webhook-config-file={}` to enable authentication with \
             aws-iam-authenticator",
            kubeconfig.display()
        );
        let cluster = [("cluster", cluster.as_str().into())];
        log.info(&message, if kubeconfigs.len() > 1 { &cluster } else { &[] });
    }
    Ok(())
}

fn tell_to_copy(name: &str, to: &Path, log: &Log) {
    log.info(&format!("copy {name} to {} on kubernetes control plane node(s)", to.display()), &[]);
}
