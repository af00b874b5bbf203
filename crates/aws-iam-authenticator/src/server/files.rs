//! Files that hold keys, or that somebody else trusts.

use crate::Failure;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Creates a file that was not there, with these permissions from its first byte on. A symbolic link in its place, even a
/// dangling one, is refused: whoever put it there would choose where a key goes.
pub(crate) fn create_new(path: &Path, content: &[u8], mode: u32) -> Result<(), Failure> {
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

/// Creates files that were not there, all or none, each with these permissions from its first byte on. Symbolic links are refused
/// as [`create_new`] does.
///
/// Their content is on the disk before the first of them has its name. Who is killed in between leaves drafts, with which
/// [`finish`] makes up for what is missing.
pub(super) fn create_together(files: &[(&Path, &[u8], u32)]) -> Result<(), Failure> {
    let drafts: Vec<PathBuf> = files.iter().map(|(path, ..)| draft(path)).collect();
    let created = files.iter().zip(&drafts).try_for_each(|((_, content, mode), draft)| {
        // Of somebody who was killed before any of the files had its name.
        let _ = fs::remove_file(draft);
        create_new(draft, content, *mode)
    });
    let created = created.and_then(|()| {
        for (done, ((path, content, mode), draft)) in files.iter().zip(&drafts).enumerate() {
            if let Err(failure) = name(draft, path, content, *mode) {
                files.iter().take(done).for_each(|(path, ..)| drop(fs::remove_file(path)));
                return Err(failure);
            }
        }
        Ok(())
    });
    drafts.iter().for_each(|draft| drop(fs::remove_file(draft)));
    created
}

/// Gives a file of [`create_together`] that is missing its name. Gives whether there was a draft of it.
pub(super) fn finish(path: &Path, mode: u32) -> Result<bool, Failure> {
    let draft = draft(path);
    match read_if_there(&draft)? {
        None => Ok(false),
        Some(content) => {
            name(&draft, path, &content, mode)?;
            let _ = fs::remove_file(&draft);
            Ok(true)
        }
    }
}

/// Removes what a [`create_together`] that was killed may have left.
pub(super) fn forget_draft(path: &Path) {
    let _ = fs::remove_file(draft(path));
}

/// Keeps others who ask for it out of a directory for as long as the result lives, where the filesystem can do so.
pub(super) fn lock(directory: &Path) -> Option<File> {
    let directory = File::open(directory).ok()?;
    directory.lock().ok()?;
    Some(directory)
}

fn draft(path: &Path) -> PathBuf {
    path.with_file_name(format!(".{}.draft", path.file_name().unwrap_or_default().to_string_lossy()))
}

/// A link is made in one step, and never over something that is there.
fn name(draft: &Path, path: &Path, content: &[u8], mode: u32) -> Result<(), Failure> {
    match fs::hard_link(draft, path) {
        Ok(()) => Ok(()),
        // A filesystem without links: then it is written where it belongs.
        Err(error) if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) => {
            create_new(path, content, mode)
        }
        Err(error) => Err(cannot_write(path, &error)),
    }
}

/// Replaces a file as a whole: its readers see the old content or the new, never a part.
pub(crate) fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), Failure> {
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
        Err(error) => Err(Failure::new(format!("cannot read {}: {error}", path.display()))
            .with_remedy("it has to be a file that this user may read")),
    }
}

/// The text of a file, or nothing where there is none.
pub(crate) fn read_text_if_there(path: &Path) -> Result<Option<String>, Failure> {
    let text = read_if_there(path)?.map(String::from_utf8).transpose();
    text.map_err(|_| Failure::new(format!("{} is not UTF-8", path.display())))
}

/// Makes a directory and its parents.
pub(crate) fn create_directory(path: &Path) -> Result<(), Failure> {
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
