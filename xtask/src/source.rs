//! The files of the repository, as git knows them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;

/// A text file of the repository.
pub(crate) struct SourceFile {
    /// Relative to the root.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl SourceFile {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.extension().is_some_and(|extension| extension == "rs")
    }
}

/// All text files that are tracked, or would be by `git add`.
pub(crate) fn files(root: &Path) -> Result<Vec<SourceFile>> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let list = shell::read(&mut git).context("cannot list the files of the repository")?;
    let mut files = Vec::new();
    for path in list.split('\0').filter(|path| !path.is_empty()).map(PathBuf::from) {
        // A file may be deleted and still be in the index; one that is no text has nothing to check.
        let Ok(bytes) = fs::read(root.join(&path)) else { continue };
        let Ok(text) = String::from_utf8(bytes) else { continue };
        files.push(SourceFile { path, text });
    }
    Ok(files)
}
