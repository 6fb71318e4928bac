//! Another engine that has objects and exceptions: V8, in the program `node` (24 or later) that the variable `WASMER_DIFFERENTIAL_NODE` names.
//!
//! It is fed modules and calls over a pipe. What it cannot be asked (which trap it was, values of exceptions, vectors) is left out on both sides.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// The program that runs modules there.
const SCRIPT: &str = include_str!("peer.mjs");

/// The other engine.
pub struct Peer {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// A call of an export.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// The export.
    pub export: String,
    /// Its arguments: numbers as text, or null.
    pub arguments: Vec<Argument>,
    /// The kinds of its results.
    pub results: Vec<Kind>,
}

/// An argument: its kind, and the bits of the number.
pub type Argument = (Kind, String);

/// What JavaScript has to know of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
    /// A number of 32 bits.
    F32,
    /// A number of 64 bits.
    F64,
    /// A reference, of which only counts whether it is null.
    Ref,
}

/// What is asked for a module.
#[derive(Debug, Serialize)]
pub struct Request {
    /// The module, in base 64.
    pub module: String,
    /// Calls, in this order.
    pub calls: Vec<Call>,
    /// Exported globals to read afterwards.
    pub globals: Vec<(String, Kind)>,
    /// Exported memories to read afterwards.
    pub memories: Vec<String>,
}

/// How something ended: `trap`, `exception`, `exhausted`, or these bits as text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum End {
    /// It did not return.
    Word(String),
    /// It returned these.
    Values(Vec<String>),
}

/// What a module did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Answer {
    /// Why there is no instance.
    pub start: Option<String>,
    /// The calls.
    #[serde(default)]
    pub calls: Vec<End>,
    /// The globals.
    #[serde(default)]
    pub globals: Vec<String>,
    /// Length and hash of the memories.
    #[serde(default)]
    pub memories: Vec<(u64, u32)>,
}

impl Answer {
    /// Whether somebody ran out of stack or memory, which nobody promises when.
    pub fn is_exhausted(&self) -> bool {
        let is = |word: &str| word == "exhausted";
        self.start.as_deref().is_some_and(is) || self.calls.iter().any(|end| matches!(end, End::Word(word) if is(word)))
    }
}

impl Peer {
    /// The engine that the environment names, if it names one.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn find() -> Result<Option<Self>> {
        env::var_os("WASMER_DIFFERENTIAL_NODE").map(|node| Self::start(node.as_ref())).transpose()
    }

    fn start(node: &std::ffi::OsStr) -> Result<Self> {
        let mut command = Command::new(node);
        command.args(["--input-type=module", "--eval", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("the other engine does not start")?;
        let requests = child.stdin.take().context("its input is a pipe")?;
        let answers = BufReader::new(child.stdout.take().context("its output is a pipe")?);
        Ok(Self { child, requests, answers })
    }

    /// What a module does there.
    ///
    /// # Errors
    /// If the engine has ended, or says that it cannot do it.
    pub fn ask(&mut self, request: &Request) -> Result<Answer> {
        let mut line = serde_json::to_string(request)?;
        line.push('\n');
        self.requests.write_all(line.as_bytes())?;
        self.requests.flush()?;
        line.clear();
        if self.answers.read_line(&mut line)? == 0 {
            bail!("the other engine has ended: {}", self.child.wait()?);
        }
        serde_json::from_str(&line).with_context(|| format!("the other engine says {line}"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Bytes as text in base 64.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let is_padding = digit > chunk.len();
            text.push(if is_padding { '=' } else { DIGITS[(word >> (18 - 6 * digit) & 63) as usize].into() });
        }
    }
    text
}

/// A hash that JavaScript computes fast: FNV-1a of 32 bits.
pub fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_in_base_64() {
        let cases = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        assert!(cases.iter().all(|(bytes, text)| base64(bytes.as_bytes()) == *text));
        assert_eq!(hash(b"foobar"), 0xbf9c_f968);
    }
}
