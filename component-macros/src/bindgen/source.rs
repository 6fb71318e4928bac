//! From files and text to a world of WIT.

use std::path::{Path, PathBuf};

use proc_macro2::Span;
use syn::{Error, LitStr, Result};
use wit_parser::{PackageId, Resolve, Stability, WorldId};

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

/// The folder that is read if the options say nothing else.
const FOLDER: &str = "wit";

impl Source {
    /// Reads what the options name. Paths are relative to `root`, the folder of the package.
    pub(super) fn read(options: &Options, root: &Path) -> Result<Self> {
        let mut resolve = Resolve::default();
        resolve.features.extend(options.features.iter().map(LitStr::value));
        let (mut files, mut package) = (Vec::new(), None);
        let folder =
            (options.inline.is_none() && root.join(FOLDER).is_dir()).then(|| LitStr::new(FOLDER, Span::call_site()));
        if let Some(path) = options.path.as_ref().or(folder.as_ref()) {
            let read = resolve.push_path(root.join(path.value()));
            let (id, sources) = read.map_err(|error| Error::new(path.span(), resolve.render_error(&error)))?;
            files.extend(sources.paths().map(Path::to_path_buf));
            package = Some((path, id));
        }
        if let Some(text) = &options.inline {
            let read = resolve.push_str(INLINE, &text.value());
            package = Some((text, read.map_err(|error| Error::new(text.span(), resolve.render_error(&error)))?));
        }
        let Some((source, package)) = package else {
            let message = "there is no WIT: `path: \"...\"` is a file or a folder, `inline: \"...\"` is text, and there is no folder `wit`";
            return Err(Error::new(options.span(), message));
        };
        check_features(&resolve, &options.features)?;
        let world = select(&resolve, package, options.world.as_ref(), source)?;
        Ok(Self { resolve, world, files })
    }
}

/// Whether every feature is one of something.
fn check_features(resolve: &Resolve, features: &[LitStr]) -> Result<()> {
    let interfaces = || resolve.interfaces.iter().map(|(_, interface)| interface);
    let worlds = || resolve.worlds.iter().map(|(_, world)| world);
    let functions = interfaces().flat_map(|interface| interface.functions.values().map(|func| &func.stability));
    let items = worlds().flat_map(|world| world.imports.values().chain(world.exports.values()));
    let mut known: Vec<&str> = functions
        .chain(items.map(|item| item.stability(resolve)))
        .chain(interfaces().map(|interface| &interface.stability))
        .chain(worlds().map(|world| &world.stability))
        .chain(resolve.types.iter().map(|(_, ty)| &ty.stability))
        .filter_map(|stability| match stability {
            Stability::Unstable { feature, .. } => Some(feature.as_str()),
            Stability::Stable { .. } | Stability::Unknown => None,
        })
        .collect();
    known.sort_unstable();
    match features.iter().find(|feature| known.binary_search(&feature.value().as_str()).is_err()) {
        None => Ok(()),
        Some(feature) => {
            Err(Error::new(feature.span(), format!("nothing in the WIT is of the feature `{}`", feature.value())))
        }
    }
}

fn select(resolve: &Resolve, package: PackageId, world: Option<&LitStr>, source: &LitStr) -> Result<WorldId> {
    let name = world.map(LitStr::value);
    let selected = resolve.select_world(&[package], name.as_deref());
    selected.map_err(|error| Error::new(world.unwrap_or(source).span(), format!("{error:#}")))
}
