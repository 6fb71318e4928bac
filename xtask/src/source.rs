//! The files of the repository.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

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

/// Names of what is not part of the repository, at any depth. Not asked of git, so that an exported tree can be checked too.
const OUTSIDE: &[&str] = &[".git", "target"];

/// All text files, in the order of their paths.
pub(crate) fn files(root: &Path) -> Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let absolute = root.join(&folder);
        for entry in fs::read_dir(&absolute).with_context(|| format!("cannot list `{}`", absolute.display()))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if OUTSIDE.iter().any(|name| entry.file_name() == *name) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(entry.path()) {
                // What is no text has nothing to check.
                files.push(SourceFile { path, text });
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_text_in_folders_but_not_what_is_built() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["a/src", "target/debug", ".git"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
            fs::write(root.path().join(folder).join("x.rs"), "//! x\n").unwrap();
        }
        fs::write(root.path().join("a/image"), [0xff, 0xfe]).unwrap();
        fs::write(root.path().join("README.md"), "text").unwrap();
        let found = files(root.path()).unwrap();
        let paths: Vec<_> = found.iter().map(|file| file.path.to_str().unwrap()).collect();
        assert_eq!(paths, ["README.md", "a/src/x.rs"]);
        assert!(found[1].is_rust() && !found[0].is_rust());
    }
}
