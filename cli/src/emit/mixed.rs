//! Machine code as text, with the operators and the lines of sources between it that it is from.

use std::fmt::Write;

use wasmer_runtime::FunctionSummary;

use super::forms::Line;
use super::view::View;
use crate::output::printable;

/// Where operators stand: right of the machine code's addresses.
const INDENT: &str = "        ";

/// The functions of a view, of which there is one compiler's machine code. Writing to a string cannot fail.
pub(super) fn listing(view: &View) -> String {
    let mut out = String::new();
    let Some(form) = view.forms.iter().find(|form| form.intermediate.is_none()) else { return out };
    let nothing = Vec::new();
    for function in &view.functions {
        let [wasm, code] = [&view.wasm, &form.functions].map(|form| form.get(&function.index).unwrap_or(&nothing));
        let _ = writeln!(out, "; {}", heading(function));
        write_function(&mut out, view, wasm, code);
        out.push('\n');
    }
    out
}

/// What a function is called.
pub(super) fn heading(function: &FunctionSummary) -> String {
    let name = function.name.as_ref().or(function.exports.first());
    let name = name.map_or_else(|| format!("func[{}]", function.index), |name| printable(name));
    format!("function {} {name}", function.index)
}

fn write_function(out: &mut String, view: &View, wasm: &[Line], code: &[Line]) {
    let (mut place, mut source) = (None, None);
    for line in code {
        if line.place.is_some() && line.place != place {
            for operator in between(wasm, place, line.place) {
                let of = operator.place.and_then(|place| view.sources.at(place));
                if of.is_some() && of != source {
                    let _ = writeln!(out, "; {}", printable(&of.map(ToString::to_string).unwrap_or_default()));
                    source = of;
                }
                let _ = writeln!(out, "{INDENT};; {}", operator.text);
            }
            place = line.place;
        }
        match &line.remark {
            Some(remark) => {
                let _ = writeln!(out, "{} ; {remark}", line.text);
            }
            None => {
                let _ = writeln!(out, "{}", line.text);
            }
        }
    }
}

/// The operators to mention where code of one is followed by code of another: that one, and those on the way to it, which have no code of their own.
fn between(wasm: &[Line], before: Option<u32>, after: Option<u32>) -> impl Iterator<Item = &Line> {
    let skips_forward = before < after;
    wasm.iter().filter(move |line| match skips_forward {
        true => line.place > before && line.place <= after,
        false => line.place == after,
    })
}
