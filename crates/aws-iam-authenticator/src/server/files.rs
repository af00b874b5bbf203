//! Files that hold keys, or that somebody else trusts.

use crate::Failure;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Creates a file that was not there, with these permissions from its first byte on. A symbolic link in its place, even a
/// dangling one, is refused: whoever put it there would choose where a key goes.
pub(super) fn create_new(path: &Path, content: &[u8], mode: u32) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let written = options.open(path).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    written.map_err(|error| cannot_write(path, &error))
}

/// Replaces a file as a whole: its readers see the old content or the new, never a part.
pub(super) fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    // Left over from a process with our number that was killed in between.
    let _ = fs::remove_file(&draft);
    create_new(&draft, content, mode)?;
    fs::rename(&draft, path).map_err(|error| {
        let _ = fs::remove_file(&draft);
        cannot_write(path, &error)
    })
}

/// The content of a file, or nothing where there is none.
pub(super) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::new(format!("cannot read {}: {error}", path.display()))),
    }
}

/// The text of a file, or nothing where there is none.
pub(super) fn read_text_if_there(path: &Path) -> Result<Option<String>, Failure> {
    let text = read_if_there(path)?.map(String::from_utf8).transpose();
    text.map_err(|_| Failure::new(format!("{} is not UTF-8", path.display())))
}

/// Makes a directory and its parents.
pub(super) fn create_directory(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path)
        .map_err(|error| Failure::new(format!("cannot create the directory {}: {error}", path.display())))
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::new(format!("cannot write {}: {error}", path.display()));
    match error.kind() {
        io::ErrorKind::AlreadyExists => failure.with_remedy("remove what is there; symbolic links are not followed"),
        io::ErrorKind::NotFound => failure.with_remedy("create the directory, or mount it into the container"),
        io::ErrorKind::PermissionDenied => failure.with_remedy("run as a user who may write there"),
        _ => failure,
    }
}
