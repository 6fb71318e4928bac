//! Running `.wast` scripts: the specification's test format, strictly.
//!
//! Strict means: results are compared in number, type and bits (NaN patterns as the script says), traps by their
//! message, invalid modules must be refused by the validator and not for a feature that is missing.

mod assemble;
#[cfg_attr(not(feature = "component"), path = "no_components.rs")]
mod components;
mod labels;
mod notation;
mod runner;
mod spectest;
mod values;

pub use assemble::{assemble, assemble_with_lines};
pub use notation::{text, value};

use std::collections::BTreeMap;
use std::fmt;

use wasmer_api::Engine;
use wast::WastDirective;
use wast::lexer::TokenKind;

/// What a script's directive asserts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A module that must instantiate, or an action that must not trap.
    Action,
    /// `assert_return`.
    Return,
    /// `assert_trap`.
    Trap,
    /// `assert_exhaustion`.
    Exhaustion,
    /// `assert_exception`.
    Exception,
    /// `assert_invalid`.
    Invalid,
    /// `assert_malformed`.
    Malformed,
    /// `assert_unlinkable`.
    Unlinkable,
    /// An assertion about custom sections or stack switching, which no feature of this runtime concerns.
    Other,
}

impl Kind {
    fn of(directive: &WastDirective<'_>) -> Self {
        match directive {
            WastDirective::Module(_)
            | WastDirective::ModuleDefinition(_)
            | WastDirective::ModuleInstance { .. }
            | WastDirective::Register { .. }
            | WastDirective::Invoke(_)
            | WastDirective::Thread(_)
            | WastDirective::Wait { .. } => Self::Action,
            WastDirective::AssertReturn { .. } => Self::Return,
            WastDirective::AssertTrap { .. } => Self::Trap,
            WastDirective::AssertExhaustion { .. } => Self::Exhaustion,
            WastDirective::AssertException { .. } => Self::Exception,
            WastDirective::AssertInvalid { .. } => Self::Invalid,
            WastDirective::AssertMalformed { .. } => Self::Malformed,
            WastDirective::AssertUnlinkable { .. } => Self::Unlinkable,
            WastDirective::AssertInvalidCustom { .. }
            | WastDirective::AssertMalformedCustom { .. }
            | WastDirective::AssertSuspension { .. } => Self::Other,
        }
    }

    /// Whether directives of this kind count as assertions.
    pub const fn is_assertion(self) -> bool {
        !matches!(self, Self::Action)
    }

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Return => "return",
            Self::Trap => "trap",
            Self::Exhaustion => "exhaustion",
            Self::Exception => "exception",
            Self::Invalid => "invalid",
            Self::Malformed => "malformed",
            Self::Unlinkable => "unlinkable",
            Self::Other => "other",
        }
    }
}

/// A directive that did not hold.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Line of the script, from 1.
    pub line: usize,
    /// What it asserts.
    pub kind: Kind,
    /// What happened instead.
    pub message: String,
}

/// Passed, failed and skipped directives of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Directives that hold.
    pub passed: usize,
    /// Directives that do not.
    pub failed: usize,
    /// Directives that were not tried.
    pub skipped: usize,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// The result of a script.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Directives by kind.
    pub counts: BTreeMap<Kind, Counts>,
    /// Those that did not hold, in order.
    pub failures: Vec<Failure>,
}

impl Report {
    /// Adds another script's result.
    pub fn merge(&mut self, other: Self) {
        for (kind, counts) in &other.counts {
            self.counts.entry(*kind).or_default().add(counts);
        }
        self.failures.extend(other.failures);
    }

    /// The sum over assertions.
    pub fn assertions(&self) -> Counts {
        let mut sum = Counts::default();
        for (_, counts) in self.counts.iter().filter(|(kind, _)| kind.is_assertion()) {
            sum.add(counts);
        }
        sum
    }

    fn record(&mut self, kind: Kind, line: usize, result: Result<(), Miss>) {
        let counts = self.counts.entry(kind).or_default();
        match result {
            Ok(()) => counts.passed += 1,
            Err(Miss::Skipped) => counts.skipped += 1,
            Err(Miss::Failed(message)) => {
                counts.failed += 1;
                self.failures.push(Failure { line, kind, message });
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { passed, failed, skipped } = self.assertions();
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// Why a directive did not pass.
pub(crate) enum Miss {
    /// It does not hold.
    Failed(String),
    /// It cannot be tried.
    Skipped,
}

impl<M: Into<String>> From<M> for Miss {
    fn from(message: M) -> Self {
        Self::Failed(message.into())
    }
}

/// Runs a script. The error is one of the script's own syntax.
pub fn run(engine: &Engine, text: &str) -> Result<Report, wast::Error> {
    with_directives(text, |directives| runner::run(engine, text, directives))
}

/// The directives of a script by kind, without running anything.
pub fn count(text: &str) -> Result<BTreeMap<Kind, usize>, wast::Error> {
    with_directives(text, |directives| {
        let mut counts = BTreeMap::new();
        for directive in &directives {
            *counts.entry(Kind::of(directive)).or_default() += 1;
        }
        counts
    })
}

/// What text without module fields stands for (specification, section 6.6.13).
const EMPTY_MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Whether text holds nothing but spaces and comments: an empty script, or a module without fields.
fn is_blank(text: &str) -> bool {
    let mut lexer = wast::lexer::Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let is_space = |token: Result<wast::lexer::Token, wast::Error>| {
        token.is_ok_and(|token| {
            matches!(token.kind, TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment)
        })
    };
    lexer.iter(0).all(is_space)
}

fn with_directives<R>(text: &str, then: impl FnOnce(Vec<WastDirective<'_>>) -> R) -> Result<R, wast::Error> {
    if is_blank(text) {
        return Ok(then(Vec::new()));
    }
    let mut lexer = wast::lexer::Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = wast::parser::ParseBuffer::new_with_lexer(lexer)?;
    let script: wast::Wast<'_> = wast::parser::parse(&buffer)?;
    Ok(then(script.directives))
}
