//! Text that may be a module or a script of the specification's tests.

use std::path::Path;

use super::Verdict;
use super::modules::{engines, watchdog};
use crate::exercise::survive;
use crate::generate::{BASES, Random};

/// What the text format is made of, to be put anywhere.
const PIECES: &[&str] = &[
    "(",
    ")",
    "\"",
    "\\",
    "\\u{110000}",
    "\\ff",
    ";;",
    "(;",
    ";)",
    "0x",
    "nan:0x",
    "1e999",
    "-0x1p-2000",
    "99999999999999999999",
    "$",
    "$\"\"",
    "@custom",
    "(@name \"\")",
    "(module quote \"",
    "(module binary \"\\00asm",
    "(func",
    "(import \"\" \"\" ",
    "(rec",
    "(type $t (sub",
    "v128.const i8x16",
    "(assert_return (invoke \"f\"))",
    "(register \"x\")",
    "(memory i64 0xffffffffffffffff)",
    "(table 0xffffffff funcref)",
    "\u{202e}",
    "\u{0}",
    "\t",
    "\r",
];

/// In the place of a digit.
const NUMBERS: &[&str] = &["0", "1", "2", "3", "7", "8", "10", "0x1f", "65536", "4294967295", "-1", "1_0"];

pub(super) fn input(seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed + 1);
    let mut text = BASES[random.below(BASES.len())].as_bytes().to_vec();
    for _ in 0..1 + random.below(3) {
        let (from, len) = (random.below(text.len()), random.below(40));
        let end = (from + len).min(text.len());
        match random.below(10) {
            0 => drop(text.drain(from..end)),
            1 => {
                let piece: Vec<u8> = text[from..end].repeat(1 + random.below(50));
                text.splice(from..from, piece);
            }
            2 => text.truncate(from),
            3 => {
                if let Some(byte) = text.get_mut(from) {
                    *byte = random.next() as u8;
                }
            }
            4..7 => {
                // Another number, which often leaves a module that can be run.
                let number = NUMBERS[random.below(NUMBERS.len())].bytes();
                let digits = text[from..].iter().position(u8::is_ascii_digit).map(|ahead| from + ahead);
                if let Some(at) = digits {
                    drop(text.splice(at..at + 1, number));
                }
            }
            _ => {
                let piece = PIECES[random.below(PIECES.len())].bytes();
                drop(text.splice(from..end.min(from + 1), piece));
            }
        }
    }
    text
}

pub(super) fn judge(bytes: &[u8]) -> Verdict {
    if let Ok(text) = std::str::from_utf8(bytes) {
        // What a script says is not run, for nothing would end its loops. Reading it must be safe.
        let _ = wasmer_runtime::wast::count(text);
    }
    let text = std::str::from_utf8(bytes).ok();
    let Some(wasm) = text.and_then(|text| wasmer_runtime::wast::assemble(text, Path::new("input.wat")).ok()) else {
        return Ok("refused");
    };
    for (backend, engine) in engines() {
        survive(engine, &wasm, watchdog()).map_err(|message| format!("{backend}: {message}"))?;
    }
    Ok("run")
}
