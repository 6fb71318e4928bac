//! The text format of modules: from text to the binary format.

use std::path::Path;

use wast::Wat;
use wast::core::{EncodeOptions, GenerateDwarf};
use wast::lexer::Lexer;
use wast::parser::{ParseBuffer, parse};

use super::{EMPTY_MODULE, is_blank, labels};

/// The binary format of a module or component in the text format, of a module in time proportional to its length. `path` is named in errors.
pub fn assemble(text: &str, path: &Path) -> Result<Vec<u8>, wast::Error> {
    encode(text, ParseBuffer::new(text), &EncodeOptions::new()).map_err(|error| at(error, text, path))
}

/// The same with debug information that maps code to the lines of the text.
pub fn assemble_with_lines(text: &str, path: &Path) -> Result<Vec<u8>, wast::Error> {
    let buffer = ParseBuffer::new(text).map(|mut buffer| {
        buffer.track_instr_spans(true);
        buffer
    });
    let mut options = EncodeOptions::new();
    options.dwarf(path, text, GenerateDwarf::Lines);
    encode(text, buffer, &options).map_err(|error| at(error, text, path))
}

/// As [`assemble`], with characters in it that look like others: scripts of the specification have some.
pub(super) fn assemble_quoted(text: &str) -> Result<Vec<u8>, wast::Error> {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    encode(text, ParseBuffer::new_with_lexer(lexer), &EncodeOptions::new())
}

/// The binary format of what was parsed as a part of a script.
pub(super) fn encode_parsed(wat: &mut Wat<'_>) -> Result<Vec<u8>, wast::Error> {
    encode_with(wat, &EncodeOptions::new())
}

fn encode(
    text: &str,
    buffer: Result<ParseBuffer<'_>, wast::Error>,
    options: &EncodeOptions<'_>,
) -> Result<Vec<u8>, wast::Error> {
    if is_blank(text) {
        return Ok(EMPTY_MODULE.to_vec());
    }
    let buffer = buffer?;
    encode_with(&mut parse::<Wat<'_>>(&buffer)?, options)
}

fn encode_with(wat: &mut Wat<'_>, options: &EncodeOptions<'_>) -> Result<Vec<u8>, wast::Error> {
    labels::number(wat);
    match wat {
        Wat::Module(module) => options.encode_module(module),
        Wat::Component(component) => options.encode_component(component),
    }
}

fn at(mut error: wast::Error, text: &str, path: &Path) -> wast::Error {
    error.set_path(path);
    error.set_text(text);
    error
}
