//! The forms that a function has, as lines that know which operator of the module they are from: WebAssembly's text, and compilers' intermediate forms.

use std::collections::BTreeMap;
use std::io;

use anyhow::Context;
use wasmer_runtime::FunctionSummary;
use wasmprinter::{Config, Print};

/// A line of a form of a function.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    /// The operator that it is from, by its offset in the module.
    pub(super) place: Option<u32>,
    /// What else there is to say of it.
    pub(super) remark: Option<String>,
}

/// The lines of functions, by index.
pub(super) type Functions = BTreeMap<u32, Vec<Line>>;

/// These functions of a module in the text format.
pub(super) fn wasm<'a>(
    wasm: &[u8],
    functions: impl IntoIterator<Item = &'a FunctionSummary>,
) -> anyhow::Result<Functions> {
    let wanted = functions.into_iter().map(|function| (function.offset, function)).collect();
    let mut printer = Printer { wanted, current: None, functions: Functions::new() };
    Config::new().print(wasm, &mut printer).context("could not write the module as text")?;
    Ok(printer.functions)
}

/// Keeps the lines of some functions of all that is printed.
struct Printer<'a> {
    /// By where their bodies start.
    wanted: BTreeMap<usize, &'a FunctionSummary>,
    /// The function at hand, if it is one of those.
    current: Option<u32>,
    functions: Functions,
}

impl Print for Printer<'_> {
    fn write_str(&mut self, text: &str) -> io::Result<()> {
        if let Some(line) = self.current.and_then(|index| self.functions.get_mut(&index)?.last_mut()) {
            line.text.push_str(text);
        }
        Ok(())
    }

    fn newline(&mut self) -> io::Result<()> {
        // Two columns stand before everything, because a function is in a module.
        if let Some(line) = self.current.and_then(|index| self.functions.get_mut(&index)?.last_mut()) {
            line.text.replace_range(..line.text.len().min(2), "");
        }
        Ok(())
    }

    fn start_line(&mut self, offset: Option<u64>) {
        if let Some(offset) = offset {
            let before = self.wanted.range(..=offset as usize).next_back();
            let around = before.filter(|(start, function)| offset < (*start + function.bytes) as u64);
            self.current = around.map(|(_, function)| function.index);
        }
        if let Some(index) = self.current {
            let line = Line { text: String::new(), place: offset.map(|offset| offset as u32), remark: None };
            self.functions.entry(index).or_default().push(line);
        }
    }

    fn print_custom_section(&mut self, _: &str, _: u64, _: &[u8]) -> io::Result<bool> {
        Ok(true)
    }
}

/// What Cranelift leaves room for before instructions: places, which are told otherwise here.
const CLIF_MARGIN: usize = 32;
/// What stands between an instruction of LLVM and its place.
const LLVM_PLACE: &str = " ; wasm 0x";
/// What stands before a number that is of no use outside of LLVM's module.
const LLVM_NODE: &str = ", !dbg !";

/// The functions of a text in an intermediate form, each of which begins with a line that says which it is.
pub(super) fn intermediate(text: &str) -> Functions {
    let mut functions = Functions::new();
    let mut current = None;
    for line in text.lines() {
        let index = line.strip_prefix("; function ").and_then(|rest| rest.split(' ').next()?.parse().ok());
        current = index.or(current);
        if index.is_none()
            && let Some(index) = current
        {
            functions.entry(index).or_default().push(intermediate_line(line));
        }
    }
    for lines in functions.values_mut() {
        while lines.pop_if(|line| line.text.is_empty()).is_some() {}
    }
    functions
}

fn intermediate_line(line: &str) -> Line {
    let hexadecimal = |digits: &str| u32::from_str_radix(digits, 16).ok();
    if let Some((before, after)) = line.split_once(LLVM_NODE) {
        let (after, place) = after.split_once(LLVM_PLACE).unwrap_or((after, ""));
        let text = before.to_owned() + after.trim_start_matches(|letter: char| letter.is_ascii_digit());
        return Line { text, place: hexadecimal(place), remark: None };
    }
    let (margin, rest) = line.split_at_checked(CLIF_MARGIN).unwrap_or(("", line));
    let place = margin.strip_prefix('@').and_then(|place| hexadecimal(place.trim_end()));
    let is_margin = place.is_some() || margin.trim_start().is_empty();
    Line { text: if is_margin { rest } else { line }.to_owned(), place, remark: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intermediate_forms_fall_into_functions_and_places() {
        let text = "; function 3 add\nfunction u0:0() {\n                                block0(v1: i32):\n\
                    @001f                               v2 = iadd v1, v1\n}\n\n\
                    ; function 4\ndefine i1 @f1() !dbg !4 {\n  %1 = add i32 %0, %0, !dbg !7 ; wasm 0x2a\n\
                    \x20 %2 = load i32, ptr %1, align 1, !dbg !7, !tbaa !9 ; wasm 0x2c\n}\n";
        let line = |text: &str, place| Line { text: text.to_owned(), place, remark: None };
        let functions = intermediate(text);
        let clif = [
            line("function u0:0() {", None),
            line("block0(v1: i32):", None),
            line("    v2 = iadd v1, v1", Some(0x1f)),
            line("}", None),
        ];
        let llvm = [
            line("define i1 @f1() !dbg !4 {", None),
            line("  %1 = add i32 %0, %0", Some(0x2a)),
            line("  %2 = load i32, ptr %1, align 1, !tbaa !9", Some(0x2c)),
            line("}", None),
        ];
        assert_eq!(functions, Functions::from([(3, clif.into()), (4, llvm.into())]));
    }
}
