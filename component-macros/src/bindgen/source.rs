//! From files and text to a world of WIT.

use std::path::{Path, PathBuf};

use syn::{Error, LitStr, Result};
use wit_parser::{PackageId, Resolve, WorldId};

use super::options::Options;

/// A world, and what it is found in.
pub(super) struct Source {
    pub(super) resolve: Resolve,
    pub(super) world: WorldId,
    /// What has to be looked at again when it changes.
    pub(super) files: Vec<PathBuf>,
}

/// What the text of `inline` is called in errors.
const INLINE: &str = "inline.wit";

impl Source {
    /// Reads what the options name. Paths are relative to `root`, the folder of the package.
    pub(super) fn read(options: &Options, root: &Path) -> Result<Self> {
        let mut resolve = Resolve::default();
        let (mut files, mut package) = (Vec::new(), None);
        if let Some(path) = &options.path {
            let read = resolve.push_path(root.join(path.value()));
            let (id, sources) = read.map_err(|error| Error::new(path.span(), resolve.render_error(&error)))?;
            files.extend(sources.paths().map(Path::to_path_buf));
            package = Some((path, id));
        }
        if let Some(text) = &options.inline {
            let read = resolve.push_str(INLINE, &text.value());
            package = Some((text, read.map_err(|error| Error::new(text.span(), resolve.render_error(&error)))?));
        }
        let Some((source, package)) = package else { return Err(Error::new(options.span(), "there is no WIT")) };
        let world = select(&resolve, package, options.world.as_ref(), source)?;
        Ok(Self { resolve, world, files })
    }
}

fn select(resolve: &Resolve, package: PackageId, world: Option<&LitStr>, source: &LitStr) -> Result<WorldId> {
    let name = world.map(LitStr::value);
    let selected = resolve.select_world(&[package], name.as_deref());
    selected.map_err(|error| Error::new(world.unwrap_or(source).span(), format!("{error:#}")))
}
