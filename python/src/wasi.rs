//! WASI: what guests can reach of the system.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use wasmer_runtime::ResourceError;
use wasmer_runtime::wasi::{OutputBuffer, Stdin, Stdout, WasiCtx, WasiCtxBuilder};

use crate::error::raised;
use crate::value::bytes_of;

/// What the guests of a store can reach of the system: nothing but what is given here.
///
/// `args` begins with the name of the program. `env` is a mapping, or `"inherit"` for this process's variables. `dirs` and `read_only_dirs` map names
/// for the guest to folders of this system. A stream is `None` (nothing there), `"inherit"` (this process's) or something with a `fileno`, such as an
/// open file; for input also bytes, for output also an `Output`.
#[pyclass(frozen, module = "wasmer_embed")]
pub(crate) struct Wasi {
    args: Vec<OsString>,
    env: Environment,
    dirs: BTreeMap<OsString, PathBuf>,
    read_only_dirs: BTreeMap<OsString, PathBuf>,
    stdin: Stream,
    stdout: Stream,
    stderr: Stream,
}

enum Environment {
    Inherit,
    Variables(BTreeMap<OsString, OsString>),
}

/// A stream, as often as a store is made with it.
enum Stream {
    Nothing,
    Inherit,
    Bytes(Vec<u8>),
    File(OwnedFd),
    Output(OutputBuffer),
}

#[pymethods]
impl Wasi {
    #[new]
    #[pyo3(signature = (*, args = Vec::new(), env = None, dirs = BTreeMap::new(), read_only_dirs = BTreeMap::new(), stdin = None, stdout = None, stderr = None))]
    fn new(
        args: Vec<OsString>,
        env: Option<&Bound<'_, PyAny>>,
        dirs: BTreeMap<OsString, PathBuf>,
        read_only_dirs: BTreeMap<OsString, PathBuf>,
        stdin: Option<&Bound<'_, PyAny>>,
        stdout: Option<&Bound<'_, PyAny>>,
        stderr: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let stream = |given: Option<&Bound<'_, PyAny>>| given.map_or(Ok(Stream::Nothing), Stream::of);
        let (stdin, stdout, stderr) = (stream(stdin)?, stream(stdout)?, stream(stderr)?);
        if matches!(stdin, Stream::Output(_)) {
            return Err(PyTypeError::new_err("an `Output` is for `stdout` and `stderr`"));
        }
        if [&stdout, &stderr].iter().any(|stream| matches!(stream, Stream::Bytes(_))) {
            return Err(PyTypeError::new_err("output goes into an `Output`, a file, or \"inherit\""));
        }
        Ok(Self { args, env: Environment::of(env)?, dirs, read_only_dirs, stdin, stdout, stderr })
    }
}

impl Environment {
    fn of(given: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let Some(given) = given else { return Ok(Self::Variables(BTreeMap::new())) };
        if is_inherit(given)? {
            return Ok(Self::Inherit);
        }
        // `os.environ` is a mapping, and no dictionary.
        let items = given.call_method0("items")?.try_iter()?.map(|item| item?.extract());
        Ok(Self::Variables(items.collect::<PyResult<_>>()?))
    }
}

/// Whether a text says so; no other text stands for anything.
fn is_inherit(given: &Bound<'_, PyAny>) -> PyResult<bool> {
    match given.cast::<PyString>() {
        Ok(text) if text.to_str()? == "inherit" => Ok(true),
        Ok(text) => Err(PyValueError::new_err(format!("{text:?} is given; the only text here is \"inherit\""))),
        Err(_) => Ok(false),
    }
}

impl Stream {
    fn of(given: &Bound<'_, PyAny>) -> PyResult<Self> {
        if is_inherit(given)? {
            return Ok(Self::Inherit);
        }
        if let Ok(output) = given.cast::<Output>() {
            return Ok(Self::Output(output.get().0.clone()));
        }
        match given.getattr_opt("fileno")? {
            Some(fileno) => {
                let number = fileno.call0()?.extract()?;
                // SAFETY: the object keeps the file open during the call.
                Ok(Self::File(unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned()?))
            }
            None => bytes_of(given).map(Self::Bytes),
        }
    }

    fn stdin(&self) -> PyResult<Stdin> {
        Ok(match self {
            Self::Nothing | Self::Output(_) => Stdin::Null,
            Self::Inherit => Stdin::Inherit,
            Self::Bytes(bytes) => Stdin::bytes(bytes.clone()),
            Self::File(file) => Stdin::Fd(file.try_clone()?),
        })
    }

    fn stdout(&self) -> PyResult<Stdout> {
        Ok(match self {
            Self::Nothing | Self::Bytes(_) => Stdout::Null,
            Self::Inherit => Stdout::Inherit,
            Self::Output(buffer) => Stdout::buffer(buffer),
            Self::File(file) => Stdout::Fd(file.try_clone()?),
        })
    }
}

impl Wasi {
    /// The system of a new store.
    pub(crate) fn build(&self, py: Python<'_>) -> PyResult<WasiCtx> {
        let mut builder = WasiCtxBuilder::new().args(&self.args);
        builder = match &self.env {
            Environment::Inherit => builder.inherit_env(),
            Environment::Variables(variables) => {
                variables.iter().fold(builder, |builder, (name, value)| builder.env(name, value))
            }
        };
        builder = builder.stdin(self.stdin.stdin()?).stdout(self.stdout.stdout()?).stderr(self.stderr.stdout()?);
        builder = self.dirs.iter().fold(builder, |builder, (guest, host)| builder.dir(host, guest));
        builder = self.read_only_dirs.iter().fold(builder, |builder, (guest, host)| builder.read_only_dir(host, guest));
        builder.build().map_err(|error| raised(py, ResourceError::other(error).into()))
    }
}

/// What guests have written, kept in memory: of an untrusted guest at most `limit` bytes.
#[pyclass(frozen, module = "wasmer_embed")]
pub(crate) struct Output(OutputBuffer);

#[pymethods]
impl Output {
    #[new]
    #[pyo3(signature = (limit = None))]
    fn new(limit: Option<usize>) -> Self {
        Self(limit.map_or_else(OutputBuffer::new, OutputBuffer::with_limit))
    }

    /// Takes out what has been written since the last time.
    fn take<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.take())
    }

    /// What has been written, as text. What is not UTF-8 is replaced.
    #[getter]
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.contents()).into_owned()
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.contents())
    }
}
