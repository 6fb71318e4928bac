//! What the command and the compile worker say to each other.
//!
//! The command writes the module to a file without a name, which is the worker's standard input, and starts `wasmer-llvm --module FILE --output
//! FILE --key HEX --features BITS --threads N --cpu CPU --fingerprint HEX`, where both files are that one ([`SCRATCH`]), with `--fuel 1` behind it if the code is to use fuel, and `--every-place 1` if the operator of all code is to be told. The worker reads the module, writes lines to standard output ([`Line`]),
//! in the end the image in the module's place, and ends with status 0. With `--ir STAGE --functions LIST` ([`ir_words`]) in the place of key and threads it writes its intermediate form there instead. If the module cannot be compiled it writes one line of JSON ([`Failure`]) to standard error and ends with status 1.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use wasmer_runtime::{CompileError, CompileLimit, Cpu, FuncIdx, IrRequest, IrStage, KeyHasher};

/// The file that the module comes in and the result goes out in.
pub const SCRATCH: &str = "/dev/stdin";

/// A line of the worker's standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// So many functions are compiled, of so many.
    Progress(usize, usize),
    /// A thread begins to compile the functions from the first index to the last.
    Start(u32, u32),
    /// It is done with the functions from this index.
    End(u32),
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Progress(done, total) => write!(f, "progress {done} {total}"),
            Self::Start(first, last) => write!(f, "start {first} {last}"),
            Self::End(first) => write!(f, "end {first}"),
        }
    }
}

impl FromStr for Line {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        fn number<T: FromStr>(word: &str) -> Result<T, ()> {
            word.parse().map_err(|_| ())
        }
        match *line.split(' ').collect::<Vec<_>>() {
            ["progress", done, total] => Ok(Self::Progress(number(done)?, number(total)?)),
            ["start", first, last] => Ok(Self::Start(number(first)?, number(last)?)),
            ["end", first] => Ok(Self::End(number(first)?)),
            _ => Err(()),
        }
    }
}

/// A [`CompileError`] on its way between processes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[allow(missing_docs, reason = "the fields are those of the errors")]
pub enum Failure {
    /// The module breaks a rule of the specification.
    Invalid { message: String, offset: u64 },
    /// Features of the module are switched off.
    Disabled { features: Vec<String>, message: String, offset: u64 },
    /// The compiler refuses the module.
    Unsupported { what: String, by: String, offset: u64 },
    /// A limit of the implementation was exceeded.
    Limit { message: String },
    /// A bug.
    Internal { by: String, message: String },
    /// The worker cannot work here.
    Worker { message: String },
}

impl From<CompileError> for Failure {
    fn from(error: CompileError) -> Self {
        match error {
            CompileError::Invalid { message, offset } => Self::Invalid { message, offset },
            CompileError::Disabled { features, message, offset } => {
                Self::Disabled { features: features.into_iter().map(str::to_owned).collect(), message, offset }
            }
            CompileError::Unsupported { what, by, offset } => Self::Unsupported { what, by: by.to_owned(), offset },
            CompileError::Limit(limit) => Self::Limit { message: limit.to_string() },
            CompileError::Internal { by, message } => Self::Internal { by: by.to_owned(), message },
            CompileError::Worker(message) => Self::Worker { message },
            other => Self::Worker { message: format!("failed: {other}") },
        }
    }
}

impl From<Failure> for CompileError {
    fn from(failure: Failure) -> Self {
        // The few names that there are; one that a process receives is the last thing that it hears of a compile.
        let name = |by: String| -> &'static str { by.leak() };
        match failure {
            Failure::Invalid { message, offset } => Self::Invalid { message, offset },
            Failure::Disabled { features, message, offset } => {
                Self::Disabled { features: features.into_iter().map(name).collect(), message, offset }
            }
            Failure::Unsupported { what, by, offset } => Self::Unsupported { what, by: name(by), offset },
            Failure::Limit { message } => Self::Limit(CompileLimit::Elsewhere { message }),
            Failure::Internal { by, message } => Self::Internal { by: name(by), message },
            Failure::Worker { message } => Self::Worker(message),
        }
    }
}

/// What the two sides must agree on besides the key: who compiles, for which CPU.
pub fn fingerprint(cpu: Cpu) -> String {
    let mut key = KeyHasher::default();
    key.setting("command", env!("CARGO_PKG_VERSION"));
    key.setting("sources", wasmer_runtime::SOURCE_DIGEST);
    key.setting("version", wasmer_runtime::backend::llvm_description::id().version.as_bytes());
    wasmer_runtime::backend::llvm_description::fingerprint(&mut key, cpu);
    to_hex(key.as_bytes())
}

/// The options that ask for an intermediate form.
pub fn ir_words(request: &IrRequest) -> [(&'static str, String); 2] {
    let stage = match request.stage {
        IrStage::Translated => "translated",
        IrStage::Optimized => "optimized",
    };
    let functions = match &request.functions {
        None => "all".to_owned(),
        Some(list) => list.iter().map(|function| function.0.to_string()).collect::<Vec<_>>().join(","),
    };
    [("--ir", stage.to_owned()), ("--functions", functions)]
}

/// What the values of these options ask for.
pub fn ir_request(stage: &str, functions: &str) -> Option<IrRequest> {
    let stage = match stage {
        "translated" => IrStage::Translated,
        "optimized" => IrStage::Optimized,
        _ => return None,
    };
    let list = || functions.split(',').map(|word| word.parse().ok().map(FuncIdx)).collect::<Option<Vec<_>>>();
    let functions = if functions == "all" { None } else { Some(list()?) };
    Some(IrRequest { stage, functions })
}

/// Bytes as hexadecimal digits.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The 32 bytes of a key.
pub fn key_from_hex(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    if text.len() != 2 * key.len() || !text.is_ascii() {
        return None;
    }
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keys_and_failures_round_trip() {
        for line in [Line::Progress(3, 9), Line::Start(1, 7), Line::End(1)] {
            assert_eq!(line.to_string().parse(), Ok(line));
        }
        for wrong in ["", "progress", "progress 1", "progress 1 x", "start -1 2", "end 1 2", "hello"] {
            assert_eq!(wrong.parse::<Line>(), Err(()), "{wrong}");
        }
        let key: [u8; 32] = std::array::from_fn(|index| index as u8 * 7);
        assert_eq!(key_from_hex(&to_hex(&key)), Some(key));
        assert_eq!(key_from_hex("00"), None);
        for functions in [None, Some(vec![FuncIdx(0)]), Some(vec![FuncIdx(7), FuncIdx(3)])] {
            let request = IrRequest { stage: IrStage::Optimized, functions };
            let [(_, stage), (_, functions)] = ir_words(&request);
            assert_eq!(ir_request(&stage, &functions), Some(request));
        }
        assert_eq!((ir_request("optimized", "1,x"), ir_request("raw", "all")), (None, None));
        let (message, offset) = (String::new(), 16);
        for error in [
            CompileError::Unsupported { what: "gc".to_owned(), by: "llvm", offset },
            CompileError::Disabled { features: vec!["simd", "threads"], message, offset },
        ] {
            let said = error.to_string();
            let line = serde_json::to_string(&Failure::from(error)).unwrap();
            let back = CompileError::from(serde_json::from_str::<Failure>(&line).unwrap());
            assert_eq!(back.to_string(), said);
        }
    }
}
