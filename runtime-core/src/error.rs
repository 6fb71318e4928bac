//! Why there is no code.

use crate::cpu::CpuFeatures;

/// Why a module could not be compiled.
///
/// ```
/// use wasmer_runtime_core::compiler::CompileError;
/// use wasmer_runtime_core::translate::module::{default_features, validate};
///
/// let wasm = b"\0asm\x01\0\0\0\x0f"; // A section that does not exist, and no length.
/// match validate(wasm, default_features()) {
///     Err(CompileError::Invalid { offset, .. }) => assert!(offset >= 8),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The module breaks a rule of the specification.
    #[error("{message} (at offset {offset:#x})")]
    Invalid {
        /// What the validator says.
        message: String,
        /// Where, in the module's bytes.
        offset: u64,
    },
    /// The module needs features that are switched off.
    #[error("{} off: {message} (at offset {offset:#x})", named(.features))]
    Disabled {
        /// Their names, as in [`FEATURES`](crate::translate::features::FEATURES).
        features: Vec<&'static str>,
        /// What the validator says without them.
        message: String,
        /// Where, in the module's bytes.
        offset: u64,
    },
    /// The module is valid and needs something that this build or backend refuses.
    #[error("{what} is not supported by {by} (at offset {offset:#x})")]
    Unsupported {
        /// The operator or construct.
        what: String,
        /// Who refuses.
        by: &'static str,
        /// Where, in the module's bytes.
        offset: u64,
    },
    /// The module, or what was asked for, is beyond what the implementation can do.
    #[error("implementation limit: {0}")]
    Limit(CompileLimit),
    /// A bug: ours or a code generator's.
    #[error("internal error of the {by} compiler: {message}")]
    Internal {
        /// Which compiler.
        by: &'static str,
        /// What it says.
        message: String,
    },
    /// The process that compiles failed: it crashed, was killed, took too long, or made something else than an artifact.
    #[error("the compile worker {0}")]
    Worker(String),
}

/// What a compiler cannot do.
///
/// ```
/// use wasmer_runtime_core::compiler::{CompileError, CompileLimit};
///
/// let error = CompileError::from(CompileLimit::CodeBytes { bytes_max: 64 << 20 });
/// assert!(matches!(&error, CompileError::Limit(CompileLimit::CodeBytes { bytes_max }) if *bytes_max == 64 << 20));
/// assert_eq!(error.to_string(), "implementation limit: more than 64 MiB of machine code");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileLimit {
    /// Offsets in a module are 32 bits wide.
    #[error("a module of 4 GiB or more")]
    ModuleBytes,
    /// Branches have to reach all code.
    #[error("more than {} of machine code", size(*bytes_max))]
    CodeBytes {
        /// How much there can be.
        bytes_max: u64,
    },
    /// What a module declares of parameters, results, locals and operands of branches costs more than its size allows.
    #[error(
        "{function} asks for too many parameters, results, locals and operands of branches: together with the functions before it more than \
         {free} and {per_byte} for each byte of code\n\
         hint: pass many values through memory, by one address"
    )]
    Operands {
        /// The function that is too much, with its name.
        function: String,
        /// How many every module may ask for.
        free: usize,
        /// How many more for each byte of its bodies.
        per_byte: usize,
    },
    /// A function is out of proportion for a compiler.
    #[error("{function} has {locals} locals, {blocks} blocks and {values} values so far, too many for {by}")]
    Function {
        /// The function, with its name.
        function: String,
        /// Its locals.
        locals: usize,
        /// Blocks of its intermediate form, as far as that was made.
        blocks: usize,
        /// Values of the same.
        values: usize,
        /// Which compiler.
        by: &'static str,
    },
    /// A compiler gave up on the machine code of a function.
    #[error("{symbol} is too large for the {by} compiler")]
    MachineCode {
        /// The function or trampoline, as a [`Symbol`](crate::compiler::Symbol) prints itself.
        symbol: String,
        /// Which compiler.
        by: &'static str,
    },
    /// The processor that code is for does not have what the compiler's code always uses.
    #[error("{by}: the processor lacks {missing}, the least that it works with")]
    Processor {
        /// What it does not have.
        missing: CpuFeatures,
        /// Which compiler.
        by: &'static str,
    },
    /// A compiler compiles whole modules only.
    #[error("`{by}` cannot compile functions when they are first called")]
    Lazy {
        /// Which compiler.
        by: &'static str,
    },
    /// A compiler has nothing between WebAssembly and machine code.
    #[error("this compiler has no intermediate form to show")]
    NoIntermediateForm,
    /// What the compiler in another process says.
    #[error("{message}")]
    Elsewhere {
        /// Its words.
        message: String,
    },
}

/// Whole units of code sizes.
fn size(bytes: u64) -> String {
    match bytes >> 20 {
        mib if mib >= 1 << 10 && mib.is_multiple_of(1 << 10) => format!("{} GiB", mib >> 10),
        mib => format!("{mib} MiB"),
    }
}

impl CompileLimit {
    /// Branches reach 2 GiB.
    pub const BRANCH_REACH: Self = Self::CodeBytes { bytes_max: 1 << 31 };
}

impl From<CompileLimit> for CompileError {
    fn from(limit: CompileLimit) -> Self {
        Self::Limit(limit)
    }
}

fn named(features: &[&str]) -> String {
    match features {
        [feature] => format!("the feature `{feature}` is"),
        features => format!("the features `{}` are", features.join("`, `")),
    }
}

impl From<wasmparser::BinaryReaderError> for CompileError {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        let message = match error.message() {
            // With all bytes, each on a line of its own.
            message if message.starts_with(NO_MAGIC) => {
                "it is not in the binary format, which begins with `\\0asm`".to_owned()
            }
            message => message.to_owned(),
        };
        Self::Invalid { message, offset: error.offset() }
    }
}

/// How the parser begins to say that something is no module.
const NO_MAGIC: &str = "magic header not detected";
