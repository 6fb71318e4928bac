//! What programs may reach and use, as the command line says.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use wasmer_runtime::StoreLimits;
use wasmer_runtime::wasi::{BuildError, DirGrant, WasiCtx, WasiCtxBuilder};
use wasmer_runtime::wasi_p2::Grants;

use crate::args::{GrantArgs, LimitArgs};
use crate::exit::Usage;
use crate::load::read_text;
use crate::patience::within;

/// What a program may use.
pub(crate) fn limits(args: &LimitArgs) -> StoreLimits {
    let mut limits = StoreLimits::new();
    if let Some(bytes) = args.max_memory {
        limits = limits.memory_bytes_max(bytes);
    }
    if let Some(bytes) = args.max_total_memory {
        limits = limits.total_bytes_max(bytes);
    }
    if let Some(elements) = args.max_table_elements {
        limits = limits.table_elements_max(elements).total_table_elements_max(elements);
    }
    if let Some(bytes) = args.max_gc_heap {
        limits = limits.gc_heap_bytes_max(bytes);
    }
    limits
}

/// Which part of the network a component may use.
pub(crate) fn net(args: &GrantArgs) -> anyhow::Result<Grants> {
    let mut net = Grants::none();
    for rule in &args.net {
        net.allow(rule)?;
    }
    Ok(net)
}

/// What the command line grants, looked up once: for one program, or for many that get the same.
pub(crate) struct Granted {
    env: Vec<(OsString, OsString)>,
    dirs: Vec<DirGrant>,
    open_files_max: Option<usize>,
    output_bytes_max: Option<u64>,
    /// What may have been meant by a folder that is not there.
    hint: &'static str,
}

impl Granted {
    /// `timeout` bounds how long a pipe is waited for.
    pub(crate) fn of(args: &GrantArgs, limits: &LimitArgs, timeout: Option<Duration>) -> anyhow::Result<Self> {
        let mut dirs: Vec<DirGrant> = args.dir.iter().map(DirGrant::parse).collect();
        if let Some(cwd) = &args.cwd {
            dirs.push(working_folder(cwd)?);
        }
        Ok(Self {
            env: environment(args, timeout)?,
            dirs,
            open_files_max: limits.max_open_files,
            output_bytes_max: limits.max_output,
            hint: dir_hint(&args.dir),
        })
    }

    /// All of it.
    pub(crate) fn builder(&self) -> WasiCtxBuilder {
        let mut builder = WasiCtxBuilder::new();
        for (name, value) in &self.env {
            builder = builder.env(name, value);
        }
        for dir in &self.dirs {
            builder = builder.dir_grant(dir.clone());
        }
        if let Some(count) = self.open_files_max {
            builder = builder.open_files_max(count);
        }
        if let Some(bytes) = self.output_bytes_max {
            builder = builder.output_bytes_max(bytes);
        }
        builder
    }

    /// Makes the context of what [`Granted::builder`] began.
    pub(crate) fn build(&self, builder: WasiCtxBuilder) -> anyhow::Result<WasiCtx> {
        let counted = "`--max-open-files` counts the three standard streams, each folder and each socket";
        builder.build().map_err(|error| {
            let hint = if matches!(error, BuildError::TooMany) { counted } else { self.hint };
            match (anyhow::Error::from(error), hint) {
                (error, "") => error,
                (error, hint) => anyhow::anyhow!("{error:#}\nhint: {hint}"),
            }
        })
    }
}

fn environment(args: &GrantArgs, timeout: Option<Duration>) -> anyhow::Result<Vec<(OsString, OsString)>> {
    let mut variables: Vec<(OsString, OsString)> = Vec::new();
    if args.env_all {
        variables.extend(std::env::vars_os());
    }
    for file in &args.env_file {
        let read = within(timeout, file, || env_file(file))?;
        variables.extend(read.into_iter().map(|(name, value)| (name.into(), value)));
    }
    for variable in &args.env {
        variables.push(match variable.split_once('=') {
            Some((name, value)) => (name.into(), value.into()),
            None => match std::env::var_os(variable) {
                Some(value) => (variable.into(), value),
                None => bail!(
                    "`--env {variable}` asks for a variable that is not set here\nhint: `--env {variable}=VALUE` gives it a value"
                ),
            },
        });
    }
    Ok(variables)
}

/// The folder of `--cwd`, under the name that the libraries of C and Rust look for what has no other folder.
fn working_folder(cwd: &OsStr) -> anyhow::Result<DirGrant> {
    let grant = DirGrant::parse(cwd);
    if grant.guest != grant.host.as_os_str() {
        let cwd = cwd.display();
        return Err(Usage(format!(
            "`--cwd {cwd}` names two folders\nhint: `--dir {cwd}` lets the program use one by the name of the other"
        ))
        .into());
    }
    Ok(DirGrant { guest: ".".into(), ..grant })
}

/// What may have been meant by a folder that is not there: other programs have other ways to write it.
fn dir_hint(dirs: &[OsString]) -> &'static str {
    let hint = |dir: &OsString| {
        let grant = DirGrant::parse(dir);
        if grant.host.is_dir() {
            return None;
        }
        if grant.guest != grant.host.as_os_str() {
            return Path::new(&grant.guest)
                .is_dir()
                .then_some("the host's folder stands first, then `::` and the program's name for it");
        }
        let text = dir.to_string_lossy();
        match text.strip_suffix(":ro").unwrap_or(&text).rsplit_once(':') {
            None => None,
            Some((_, "rw" | "w")) => Some("a folder may be written to, unless `:ro` stands behind it"),
            Some((host, "r" | "read" | "readonly" | "read-only")) if Path::new(host).is_dir() => {
                Some("`:ro` stands behind a folder for reading only")
            }
            Some(_) => Some("`::` stands between the host's folder and the program's name for it"),
        }
    };
    dirs.iter().find_map(hint).unwrap_or_default()
}

/// NAME=VALUE lines, and NAME lines for what is set here, as `docker` reads them: a value is all that stands behind `=`, with quotes and blanks; empty
/// lines and lines that start with `#` are passed over.
fn env_file(path: &Path) -> anyhow::Result<Vec<(String, OsString)>> {
    let text = read_text(path)?;
    let mut variables = Vec::new();
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name, Some(value.into())),
            None => (line, std::env::var_os(line)),
        };
        if name.is_empty() || name.contains(char::is_whitespace) {
            bail!("line {} of `{}` is neither NAME=VALUE nor NAME", number + 1, path.display());
        }
        if let Some(value) = value {
            variables.push((name.to_owned(), value));
        }
    }
    Ok(variables)
}
