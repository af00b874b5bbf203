//! The file: where it is, who else writes it, and how it is replaced.

use crate::Failure;
use crate::server::files;
use std::env;
use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

pub(super) struct File {
    /// Behind symbolic links: the file itself is replaced, not the link to it.
    path: PathBuf,
}

/// The lock that kubectl takes too, for as long as this lives.
pub(super) struct Lock(PathBuf);

impl File {
    /// That of the flag, else the first of `KUBECONFIG`, else `~/.kube/config`.
    pub(super) fn find(flag: Option<&Path>) -> Result<Self, Failure> {
        let listed = || {
            let list = env::var_os("KUBECONFIG")?;
            env::split_paths(&list).find(|path| !path.as_os_str().is_empty())
        };
        let home = || Some(env::home_dir()?.join(".kube").join("config"));
        let path = flag.map(Path::to_owned).or_else(listed).or_else(home).ok_or_else(|| {
            Failure::new("there is no home folder to keep a kubeconfig in").with_remedy("give --kubeconfig")
        })?;
        Ok(Self { path: fs::canonicalize(&path).unwrap_or(path) })
    }

    pub(super) fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// Keeps kubectl and others that heed its lock from writing in between.
    pub(super) fn lock(&self) -> Result<Lock, Failure> {
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            files::create_directory(folder)?;
        }
        let mut name = self.path.clone().into_os_string();
        name.push(".lock");
        let lock = PathBuf::from(name);
        match OpenOptions::new().write(true).create_new(true).open(&lock) {
            Ok(_) => Ok(Lock(lock)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(Failure::new(format!("somebody else is writing {}", self.shown()))
                    .with_remedy(format!("try again; if nobody is, remove {}", lock.display())))
            }
            Err(error) => Err(Failure::new(format!("cannot write {}: {error}", lock.display()))),
        }
    }

    pub(super) fn read(&self) -> Result<Option<String>, Failure> {
        files::read_text_if_there(&self.path)
    }

    /// Replaces it as a whole, readable by its owner alone.
    pub(super) fn write(&self, text: &str) -> Result<(), Failure> {
        files::replace(&self.path, text.as_bytes(), 0o600)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
