//! `--feature-gates`: switches for features that the Go program has under trial, with its names and defaults.

use crate::Failure;

/// The gates of this program, all off unless switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FeatureGates {
    /// `sso` entries of mappings match IAM Identity Center roles.
    pub(crate) sso_role_match: bool,
    /// `init` writes where the configuration says, not into the working directory.
    pub(crate) configured_init_directories: bool,
}

impl FeatureGates {
    /// Reads `name=true` and `name=false`; the last word about a gate counts, `AllAlpha` speaks for those not named.
    pub(crate) fn parse(flags: &[String]) -> Result<Self, Failure> {
        let (mut all_alpha, mut sso_role_match, mut configured_init_directories) = (false, None, None);
        for flag in flags.iter().map(|flag| flag.trim()).filter(|flag| !flag.is_empty()) {
            let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
            let on = match value.trim().to_ascii_lowercase().as_str() {
                "true" | "t" | "1" => true,
                "false" | "f" | "0" => false,
                _ => return Err(Failure::new(format!("the feature gate {name:?} is set to neither true nor false"))),
            };
            match name.trim() {
                "AllAlpha" => all_alpha = on,
                "SSORoleMatch" => sso_role_match = Some(on),
                "ConfiguredInitDirectories" => configured_init_directories = Some(on),
                // Known to the Go program; there is nothing behind them to switch here.
                "AllBeta" | "IAMIdentityMappingCRD" => {}
                _ => {
                    return Err(Failure::new(format!("there is no feature gate {name:?}")).with_remedy(
                        "gates: AllAlpha, AllBeta, ConfiguredInitDirectories, IAMIdentityMappingCRD, SSORoleMatch",
                    ));
                }
            }
        }
        Ok(Self {
            sso_role_match: sso_role_match.unwrap_or(all_alpha),
            configured_init_directories: configured_init_directories.unwrap_or(all_alpha),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_read_as_the_go_program_reads_them() {
        let parse = |flags: &[&str]| {
            let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
            FeatureGates::parse(&flags).map(|gates| gates.sso_role_match).map_err(|error| error.to_string())
        };
        assert_eq!(parse(&[]), Ok(false));
        assert_eq!(parse(&["SSORoleMatch=true"]), Ok(true));
        assert_eq!(parse(&["AllAlpha=true", "IAMIdentityMappingCRD=false"]), Ok(true));
        assert_eq!(parse(&["AllAlpha=true", "SSORoleMatch=false"]), Ok(false));
        assert_eq!(parse(&["SSORoleMatch=false", "SSORoleMatch=true"]), Ok(true));
        assert!(parse(&["SSORoleMatch"]).is_err_and(|e| e.contains("neither true nor false")));
        assert!(parse(&["SsoRoleMatch=true"]).is_err_and(|e| e.contains("no feature gate")));
    }
}
