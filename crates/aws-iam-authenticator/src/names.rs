//! The names that the program goes by, and the files that are called after it.

use std::ffi::OsStr;
use std::path::Path;

/// What the program is called and where its files are by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// What it was called as, without a folder and `.exe`.
    pub(crate) name: &'static str,
    /// Where the server keeps certificate and key.
    pub(crate) state_dir: &'static str,
    /// Where the server writes the webhook kubeconfig.
    pub(crate) generate_kubeconfig: &'static str,
    /// What `init` calls that file in the working directory.
    pub(crate) init_kubeconfig: &'static str,
}

/// Its name since version 0.4.0.
const AWS_IAM_AUTHENTICATOR: Program = Program {
    name: "aws-iam-authenticator",
    state_dir: "/var/aws-iam-authenticator",
    generate_kubeconfig: "/etc/kubernetes/aws-iam-authenticator/kubeconfig.yaml",
    init_kubeconfig: "aws-iam-authenticator.kubeconfig",
};

/// Its name up to version 0.3.0. Who still has installations of it has its files where they were.
const HEPTIO_AUTHENTICATOR_AWS: Program = Program {
    name: "heptio-authenticator-aws",
    state_dir: "/var/heptio-authenticator-aws",
    generate_kubeconfig: "/etc/kubernetes/heptio-authenticator-aws/kubeconfig.yaml",
    init_kubeconfig: "heptio-authenticator-aws.kubeconfig",
};

/// A name that some packages link to the program; its files are those of the present name.
const AWS_IAM_AUTHENTICATOR_AWS: Program = Program { name: "aws-iam-authenticator-aws", ..AWS_IAM_AUTHENTICATOR };

impl Program {
    /// The program by the first of its arguments. A name that is none of its own is the present one.
    pub(crate) fn called(argument: &OsStr) -> Self {
        let name = Path::new(argument).file_name().unwrap_or_default().to_string_lossy();
        // On Windows letter case does not count in file names, and nowhere has the program a name in capitals.
        let name = name.to_ascii_lowercase();
        let name = name.strip_suffix(".exe").unwrap_or(&name);
        [HEPTIO_AUTHENTICATOR_AWS, AWS_IAM_AUTHENTICATOR_AWS]
            .into_iter()
            .find(|program| program.name == name)
            .unwrap_or(AWS_IAM_AUTHENTICATOR)
    }
}

impl Default for Program {
    fn default() -> Self {
        AWS_IAM_AUTHENTICATOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_name_has_the_older_files() {
        let state_dir = |argument: &str| Program::called(OsStr::new(argument)).state_dir;
        for name in ["heptio-authenticator-aws", "/usr/bin/heptio-authenticator-aws", "Heptio-Authenticator-AWS.EXE"] {
            assert_eq!(state_dir(name), "/var/heptio-authenticator-aws");
        }
        for name in ["aws-iam-authenticator", "./aws-iam-authenticator.exe", "aws-iam-authenticator-aws", "", "x", "/"]
        {
            assert_eq!(state_dir(name), "/var/aws-iam-authenticator");
        }
        assert_eq!(Program::called(OsStr::new("aws-iam-authenticator-aws")).name, "aws-iam-authenticator-aws");
    }
}
