//! Credentials on disk, from one start of a program to the next: `kubectl` starts a credential plugin very often.

use crate::environment::variable;
use crate::fingerprint::fingerprint;
use crate::{Found, Sources};
use aws_credential_types::Credentials;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use zeroize::{Zeroize, Zeroizing};

/// Credentials with less time left than this are not taken from the cache.
pub const CACHE_MARGIN: Duration = Duration::from_secs(5 * 60);

/// How long another process is waited for, which may be asking its user for an MFA code.
const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN_TRIES: Duration = Duration::from_millis(20);
/// Hundreds of sessions; more is not a file of ours.
const MOST_BYTES: u64 = 1024 * 1024;
const MOST_ENTRIES: usize = 256;
const FILE: &str = "credentials.json";
const NEW_FILE: &str = "credentials.json.new";
const LOCK: &str = "lock";

/// Why the cache is of no use this time. None of these is a reason not to log in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// There is no home folder to put it into.
    #[error("there is no home folder for the credentials cache; AWS_IAM_AUTHENTICATOR_CACHE_FILE can name a place")]
    NoHome,
    /// The folder cannot be made, or is not ours alone.
    #[error("cannot use the folder {} for the credentials cache: {error}", path.display())]
    Directory {
        /// The folder.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Another process has had the cache to itself for a minute.
    #[error("another process keeps the credentials cache {} locked", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read the credentials cache {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// What is in the file is no cache. It is replaced.
    #[error("the credentials cache {} is damaged and is made anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Others can read the file. It is not believed, and replaced.
    #[error("the credentials cache {} was open to other users and is made anew", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("cannot write the credentials cache {}: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

impl CacheError {
    /// A stable code for logs and programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoHome => "cache_no_home",
            Self::Directory { .. } => "cache_directory",
            Self::Busy { .. } => "cache_busy",
            Self::Read { .. } => "cache_read",
            Self::Damaged { .. } => "cache_damaged",
            Self::Exposed { .. } => "cache_exposed",
            Self::Write { .. } => "cache_write",
        }
    }
}

/// A cache of final credentials, after all roles were assumed: one file in a folder of its own.
///
/// On Unix the folder has mode 0700 and the file 0600 from its first byte; on Windows both inherit what the user's profile
/// allows, which is the user alone. The file is replaced as a whole, never changed, and a lock keeps processes apart.
#[derive(Clone, Debug)]
pub struct CredentialCache {
    directory: PathBuf,
}

impl CredentialCache {
    /// A cache in this folder, which is made when it is needed. Nothing else may be in it.
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// The cache in its usual place: `~/.kube/cache/aws-iam-authenticator/credentials`.
    ///
    /// `AWS_IAM_AUTHENTICATOR_CACHE_FILE` names the file of the Go program, which is another format and is left alone; where it
    /// is set, the folder lies beside that file and is named as it is, with `.d` behind.
    ///
    /// # Errors
    /// [`CacheError::NoHome`].
    pub fn from_env() -> Result<Self, CacheError> {
        if let Some(mut file) = variable("AWS_IAM_AUTHENTICATOR_CACHE_FILE") {
            file.push_str(".d");
            return Ok(Self::in_directory(file));
        }
        let home = home().ok_or(CacheError::NoHome)?;
        Ok(Self::in_directory(home.join(".kube").join("cache").join("aws-iam-authenticator").join("credentials")))
    }

    /// Locks the cache for what these sources would give, until the slot is dropped. Whoever comes meanwhile waits, at most a
    /// minute, so that one process asks for an MFA code and the others find the session.
    ///
    /// # Errors
    /// [`CacheError::Directory`], [`CacheError::Busy`].
    pub fn slot<'a>(&self, sources: &'a Sources) -> Result<CacheSlot<'a>, CacheError> {
        let failed = |error| CacheError::Directory { path: self.directory.clone(), error };
        make_private(&self.directory).map_err(failed)?;
        let lock =
            private_file().create(true).truncate(false).write(true).open(self.directory.join(LOCK)).map_err(failed)?;
        let end = Instant::now() + PATIENCE;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) if Instant::now() >= end => {
                    return Err(CacheError::Busy { path: self.directory.clone() });
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN_TRIES),
            }
        }
        Ok(CacheSlot { sources, key: fingerprint(sources), directory: self.directory.clone(), _lock: lock })
    }
}

/// The place in the cache of what some sources give, locked.
#[derive(Debug)]
pub struct CacheSlot<'a> {
    sources: &'a Sources,
    key: String,
    directory: PathBuf,
    _lock: File,
}

/// What is in the file.
#[derive(Default, Serialize, Deserialize)]
struct Contents {
    version: u32,
    sessions: BTreeMap<String, Session>,
}

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Session {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    /// Seconds since 1970.
    expires: u64,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.secret_access_key.zeroize();
        self.session_token.zeroize();
    }
}

impl CacheSlot<'_> {
    /// The credentials that the sources gave before, if they have more than [`CACHE_MARGIN`] left.
    ///
    /// # Errors
    /// [`CacheError::Read`], [`CacheError::Damaged`], [`CacheError::Exposed`].
    pub fn find(&self) -> Result<Option<Found>, CacheError> {
        let contents = self.read()?;
        let Some(session) = contents.sessions.get(&self.key) else { return Ok(None) };
        let expires = UNIX_EPOCH + Duration::from_secs(session.expires);
        if expires <= SystemTime::now() + CACHE_MARGIN {
            return Ok(None);
        }
        let (key, secret) = (session.access_key_id.clone(), session.secret_access_key.clone());
        let credentials = Credentials::new(key, secret, session.session_token.clone(), Some(expires), "Cache");
        Ok(self.sources.with_cached(credentials))
    }

    /// Keeps credentials for the next time, and forgets those that are over. Credentials without an end are not kept, nor those
    /// that are not the same on [every machine](Found::is_shareable) with this home folder.
    ///
    /// # Errors
    /// [`CacheError::Write`].
    pub fn keep(&self, found: &Found) -> Result<(), CacheError> {
        let credentials = found.credentials();
        let Some(expiry) = credentials.expiry().filter(|_| found.is_shareable()) else { return Ok(()) };
        let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        // Whoever could not read it has said so when it looked.
        let mut contents = self.read().unwrap_or_default();
        contents.version = VERSION;
        let now = seconds(SystemTime::now());
        contents.sessions.retain(|_, session| session.expires > now);
        while contents.sessions.len() >= MOST_ENTRIES {
            let first = contents.sessions.iter().min_by_key(|(_, session)| session.expires).map(|(key, _)| key.clone());
            first.and_then(|key| contents.sessions.remove(&key));
        }
        let session = Session {
            access_key_id: credentials.access_key_id().to_owned(),
            secret_access_key: credentials.secret_access_key().to_owned(),
            session_token: credentials.session_token().map(str::to_owned),
            expires: seconds(expiry),
        };
        contents.sessions.insert(self.key.clone(), session);
        let path = self.directory.join(FILE);
        self.write(&path, &contents).map_err(|error| CacheError::Write { path, error })
    }

    fn read(&self) -> Result<Contents, CacheError> {
        let path = self.directory.join(FILE);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contents::default()),
            Err(error) => return Err(CacheError::Read { path, error }),
        };
        if is_exposed(&file) {
            return Err(CacheError::Exposed { path });
        }
        let mut text = Zeroizing::new(Vec::new());
        if let Err(error) = file.take(MOST_BYTES).read_to_end(&mut text) {
            return Err(CacheError::Read { path, error });
        }
        match serde_json::from_slice::<Contents>(&text) {
            Ok(contents) if contents.version == VERSION => Ok(contents),
            _ => Err(CacheError::Damaged { path }),
        }
    }

    fn write(&self, path: &Path, contents: &Contents) -> io::Result<()> {
        let text = Zeroizing::new(serde_json::to_vec(contents)?);
        let new = self.directory.join(NEW_FILE);
        // One that a process left behind which was killed; nobody else is here.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = private_file().create_new(true).write(true).open(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&new, path)
    }
}

/// The user's home folder, as AWS SDKs look for it.
pub(crate) fn home() -> Option<PathBuf> {
    variable("HOME").or_else(|| variable("USERPROFILE").filter(|_| cfg!(windows))).map(PathBuf::from)
}

/// Makes the folder, or takes everybody else's rights to it away.
fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)?;
    let metadata = fs::symlink_metadata(directory)?;
    if !metadata.is_dir() {
        return Err(io::Error::other("it is no folder, or a symbolic link"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if metadata.permissions().mode() & 0o077 != 0 {
            // Only its owner may do that, so it also shows that the folder is ours.
            fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?;
        }
    }
    Ok(())
}

/// Options for a file that nobody else may read.
fn private_file() -> OpenOptions {
    #[cfg(unix)]
    {
        let mut options = OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
    }
    #[cfg(not(unix))]
    OpenOptions::new()
}

#[cfg(unix)]
fn is_exposed(file: &File) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

/// Who may read a file follows from its folder.
#[cfg(not(unix))]
fn is_exposed(_: &File) -> bool {
    false
}

#[cfg(test)]
mod tests;
