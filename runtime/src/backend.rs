//! The backends, by name.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use wasmer_api::{Engine, EngineConfig, Error, ResourceError, Result};
use wasmer_runtime_core::compiler::{CompileError, Compiler};
use wasmer_runtime_core::cpu::Cpu;

/// A compiler that this project has, whether or not this build contains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// Compiles in one linear pass; for untrusted code and first runs.
    Singlepass,
    /// Balanced.
    Cranelift,
    /// Makes the fastest code.
    Llvm,
}

/// Why a backend cannot be had.
///
/// ```
/// use wasmer_runtime::{Backend, BackendError, Error};
///
/// let error = "turbofan".parse::<Backend>().unwrap_err();
/// assert!(matches!(&error, BackendError::Unknown(name) if name == "turbofan"));
/// assert!(Error::from(error).downcast_ref::<BackendError>().is_some());
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum BackendError {
    /// No backend has this name.
    Unknown(String),
    /// This build does not contain it.
    NotBuilt(Backend),
    /// The build contains no backend at all.
    None,
    /// The compiler refuses this machine.
    Refused(Backend, CompileError),
}

impl Backend {
    /// Every backend, from the fastest compiler to the fastest code.
    pub const ALL: [Self; 3] = [Self::Singlepass, Self::Cranelift, Self::Llvm];

    /// The name on the command line and in keys.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Singlepass => "singlepass",
            Self::Cranelift => "cranelift",
            Self::Llvm => "llvm",
        }
    }

    /// One line on what it is for.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Singlepass => "compiles in one linear pass; for untrusted code and first runs",
            Self::Cranelift => "balances compile time and speed",
            Self::Llvm => "compiles slowly, runs fastest",
        }
    }

    /// Whether this build contains it.
    pub const fn is_built(self) -> bool {
        match self {
            Self::Singlepass => cfg!(feature = "singlepass"),
            Self::Cranelift => cfg!(feature = "cranelift"),
            Self::Llvm => cfg!(feature = "llvm"),
        }
    }

    /// The backends that this build contains.
    pub fn built() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|backend| backend.is_built())
    }

    /// The backend that is used when none is named: Cranelift, or else what there is.
    ///
    /// `wasmer run` starts with Singlepass instead and lets a better compiler work behind it. A library cannot: it starts no processes, and one
    /// engine is one compiler, whose artifact a program keeps for as long as it runs. For that, Cranelift's compile time is bearable and its code
    /// good. A program that loads its modules through a store can do the same with [`tiers`](crate::tiers) and [`payoff`](crate::payoff).
    pub fn default_backend() -> Option<Self> {
        [Self::Cranelift, Self::Singlepass, Self::Llvm].into_iter().find(|backend| backend.is_built())
    }

    /// The compiler, for this machine's processor.
    pub fn compiler(self) -> Result<Arc<dyn Compiler>, BackendError> {
        self.compiler_for(Cpu::Native)
    }

    /// The compiler, for a processor: what it makes runs on every one that has these features, and is refused elsewhere.
    #[cfg_attr(
        not(any(feature = "cranelift", feature = "singlepass", feature = "llvm")),
        expect(unused_variables, reason = "without a compiler the processor does not matter")
    )]
    pub fn compiler_for(self, cpu: Cpu) -> Result<Arc<dyn Compiler>, BackendError> {
        match self {
            #[cfg(feature = "singlepass")]
            Self::Singlepass => singlepass(cpu),
            #[cfg(feature = "cranelift")]
            Self::Cranelift => cranelift(cpu),
            #[cfg(feature = "llvm")]
            Self::Llvm => llvm(cpu),
            #[allow(unreachable_patterns, reason = "reachable unless every backend is built")]
            _ => Err(BackendError::NotBuilt(self)),
        }
    }

    /// Settings of an engine with this backend.
    pub fn config(self) -> Result<EngineConfig, BackendError> {
        Ok(EngineConfig::with_compiler(self.compiler()?))
    }
}

// One function for each, so that a program that names only some of them is linked without the others.

/// The Singlepass compiler.
#[cfg(feature = "singlepass")]
pub fn singlepass(cpu: Cpu) -> Result<Arc<dyn Compiler>, BackendError> {
    match wasmer_backend_singlepass::Singlepass::for_cpu(cpu) {
        Ok(compiler) => Ok(Arc::new(compiler)),
        Err(error) => Err(BackendError::Refused(Backend::Singlepass, error)),
    }
}

/// The Cranelift compiler.
#[cfg(feature = "cranelift")]
pub fn cranelift(cpu: Cpu) -> Result<Arc<dyn Compiler>, BackendError> {
    match wasmer_backend_cranelift::Cranelift::builder().cpu(cpu).build() {
        Ok(compiler) => Ok(Arc::new(compiler)),
        Err(error) => Err(BackendError::Refused(Backend::Cranelift, error)),
    }
}

/// The LLVM compiler, in this process.
#[cfg(feature = "llvm")]
pub fn llvm(cpu: Cpu) -> Result<Arc<dyn Compiler>, BackendError> {
    match wasmer_backend_llvm::LlvmCompiler::for_cpu(cpu) {
        Ok(compiler) => Ok(Arc::new(compiler)),
        Err(error) => Err(BackendError::Refused(Backend::Llvm, error)),
    }
}

/// What the LLVM compiler is and makes, known without LLVM: for programs that leave compiling to another process.
pub use wasmer_backend_llvm::description as llvm_description;

/// An engine with the default backend and default settings.
pub fn default_engine() -> Result<Engine> {
    let backend = Backend::default_backend().ok_or(BackendError::None)?;
    Engine::new(backend.config()?)
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Backend {
    type Err = BackendError;

    fn from_str(name: &str) -> Result<Self, BackendError> {
        Self::ALL
            .into_iter()
            .find(|backend| backend.name() == name)
            .ok_or_else(|| BackendError::Unknown(name.to_owned()))
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "unknown backend `{name}`")?,
            Self::NotBuilt(backend) => write!(f, "the backend `{backend}` is not part of this build")?,
            Self::None => return f.write_str("this build contains no backend; enable a cargo feature"),
            Self::Refused(backend, reason) => return write!(f, "the backend `{backend}` cannot be used: {reason}"),
        }
        let built: Vec<_> = Backend::built().map(|backend| format!("`{backend}`")).collect();
        write!(f, "; this build has {}", if built.is_empty() { "none".to_owned() } else { built.join(", ") })?;
        if let Self::NotBuilt(backend) = self {
            write!(f, "\nhint: build with `--features {backend}` to get it")?;
        }
        Ok(())
    }
}

impl std::error::Error for BackendError {}

impl From<BackendError> for Error {
    fn from(error: BackendError) -> Self {
        ResourceError::other(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_errors_list_what_there_is() {
        for backend in Backend::ALL {
            assert_eq!(backend.name().parse::<Backend>().unwrap(), backend);
        }
        let message = "gcc".parse::<Backend>().unwrap_err().to_string();
        assert!(message.contains("unknown backend `gcc`"), "{message}");
        for backend in Backend::built() {
            assert!(message.contains(backend.name()), "{message}");
        }
    }
}
