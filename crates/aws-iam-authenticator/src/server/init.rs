//! `init`: what the server needs, made before it runs, to be handed to the machines it will run on.

use super::settings::Settings;
use super::{certificate, kubeconfig};
use crate::cli::{InitArgs, ServerArgs};
use crate::config::Configuration;
use crate::{Failure, Log};
use std::path::Path;

/// The kubeconfig that is written into the working directory.
const KUBECONFIG: &str = "aws-iam-authenticator.kubeconfig";

/// Writes certificate, key and webhook kubeconfig: into the working directory, or with the feature gate
/// `ConfiguredInitDirectories` to where the server looks for them. A pair that is there already is kept; the kubeconfig is
/// written anew.
pub(crate) fn init(arguments: &InitArgs, configuration: &Configuration, log: &Log) -> Result<(), Failure> {
    let flags = ServerArgs { address: arguments.address.clone(), ..ServerArgs::default() };
    let mut settings = Settings::gather(&flags, configuration)?;
    if let Some(hostname) = &arguments.hostname {
        settings.hostname.clone_from(hostname);
    }
    let server = [settings.state_dir.clone(), settings.generate_kubeconfig.clone()];
    let in_place = configuration.features.configured_init_directories;
    if !in_place {
        settings.state_dir = ".".into();
        settings.generate_kubeconfig = KUBECONFIG.into();
    }
    let identity = certificate::load_or_create(&settings, log)?;
    kubeconfig::write(&settings, settings.port, &identity, log)?;

    let [state_dir, kubeconfig] = server;
    if !in_place {
        for name in ["cert.pem", "key.pem"] {
            tell_to_copy(name, &state_dir.join(name), log);
        }
        tell_to_copy(KUBECONFIG, &kubeconfig, log);
    }
    log.info(
        &format!(
            "configure your apiserver with `--authentication-token-webhook-config-file={}` to enable authentication with \
             aws-iam-authenticator",
            kubeconfig.display()
        ),
        &[],
    );
    Ok(())
}

fn tell_to_copy(name: &str, to: &Path, log: &Log) {
    log.info(&format!("copy {name} to {} on kubernetes control plane node(s)", to.display()), &[]);
}
