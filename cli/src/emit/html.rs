//! Functions in all their forms as one page: selecting a line shows which lines of the other forms came from the same operators.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use wasmer_runtime::FunctionSummary;

use super::forms::Line;
use super::mixed::heading;
use super::view::{Form, View};
use crate::page::{self, escaped};
use crate::source::{self, Lines};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Bodies of functions that are shown together, in bytes: what a browser can still show on a phone.
pub(super) const BODY_BYTES_MAX: usize = 32 << 10;
/// How many tints operators take turns with.
const TINTS: usize = 6;
/// The column of WebAssembly's text.
const WASM: &str = "wasm";
/// With more columns, intermediate forms are hidden at first.
const COLUMNS_SHOWN: usize = 3;

/// The page. Writing to a string cannot fail, so results of `write!` are passed over here.
pub(super) fn page(view: &View, path: &Path) -> String {
    let module = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let title = format!("{module}: what compilers make of it");
    let mut out = page::start(&title, STYLE);
    let _ = write!(
        out,
        "<noscript><style>[hidden] {{ display: block !important; }} .tools {{ display: none; }}</style></noscript>\n\
         <header>\n<h1>{}</h1>\n<p class=\"soft\">Select a line to see which lines came from the same operators: with a pointer, or by the \
         arrow keys in a column; <kbd>Esc</kbd> lets go, <kbd>/</kbd> looks for a function.</p>\n",
        escaped(&title)
    );
    if let Some(limit) = &view.limit {
        let _ = writeln!(out, "<p class=\"limit\">{}</p>", escaped(limit));
    }
    choice_of_columns(&mut out, view);
    out.push_str("<p id=\"status\" class=\"soft\" role=\"status\"></p>\n</header>\n");
    list(&mut out, view);
    out.push_str("<main>\n");
    for function in &view.functions {
        section(&mut out, view, function);
    }
    let _ = write!(out, "</main>\n<script>\n{SCRIPT}</script>\n</html>\n");
    out
}

/// Whether a column is hidden until someone wants it.
fn starts_hidden(view: &View, form: &Form) -> bool {
    form.intermediate.is_some() && view.forms.len() + 1 > COLUMNS_SHOWN
}

impl Form {
    /// What tells it from other columns.
    fn key(&self) -> String {
        format!("{}-{}", self.backend, self.intermediate.unwrap_or("code"))
    }

    fn title(&self) -> String {
        match self.intermediate {
            Some(name) => format!("{}: {name}", self.backend),
            None => format!("{}: machine code", self.backend),
        }
    }
}

fn choice_of_columns(out: &mut String, view: &View) {
    out.push_str("<fieldset class=\"tools\"><legend>Columns</legend>\n");
    let mut choice = |key: &str, title: &str, is_hidden: bool| {
        let checked = if is_hidden { "" } else { " checked" };
        let _ = writeln!(out, "<label><input type=\"checkbox\" data-c=\"{key}\"{checked}> {title}</label>");
    };
    choice(WASM, "WebAssembly", false);
    for form in &view.forms {
        choice(&form.key(), &form.title(), starts_hidden(view, form));
    }
    out.push_str("</fieldset>\n");
}

/// The functions, to choose from.
fn list(out: &mut String, view: &View) {
    out.push_str(
        "<nav aria-label=\"Functions\">\n<input class=\"tools\" type=\"search\" id=\"filter\" placeholder=\"Filter functions\" \
         aria-label=\"Filter functions\">\n<ul>\n",
    );
    for function in &view.functions {
        let _ = writeln!(
            out,
            "<li><a href=\"#f{}\"><bdi>{}</bdi> <small>{} bytes</small></a></li>",
            function.index,
            escaped(&heading(function)),
            function.bytes
        );
    }
    out.push_str("</ul>\n</nav>\n");
}

fn section(out: &mut String, view: &View, function: &FunctionSummary) {
    let index = function.index;
    let _ = write!(out, "<section id=\"f{index}\">\n<h2><bdi>{}</bdi></h2>\n", escaped(&heading(function)));
    if !function.exports.is_empty() {
        let names: Vec<_> = function.exports.iter().map(|name| format!("<code>{}</code>", escaped(name))).collect();
        let _ = writeln!(out, "<p class=\"soft\">exported as <bdi>{}</bdi></p>", names.join(", "));
    }
    out.push_str("<div class=\"columns\">\n");
    let nothing = Vec::new();
    let wasm = view.wasm.get(&index).unwrap_or(&nothing);
    let mut tints = BTreeMap::new();
    for place in wasm.iter().filter_map(|line| line.place) {
        let next = tints.len() % TINTS;
        tints.entry(place).or_insert(next);
    }
    let column =
        Column { key: WASM, title: "WebAssembly", is_hidden: false, lines: wasm, sources: Some(&view.sources) };
    column.write(out, &tints);
    for form in &view.forms {
        let lines = form.functions.get(&index).unwrap_or(&nothing);
        let (key, title) = (&form.key(), &form.title());
        Column { key, title, is_hidden: starts_hidden(view, form), lines, sources: None }.write(out, &tints);
    }
    out.push_str("</div>\n</section>\n");
}

/// One form of a function.
struct Column<'a> {
    key: &'a str,
    title: &'a str,
    is_hidden: bool,
    lines: &'a [Line],
    /// Where its lines are from, if that is told here.
    sources: Option<&'a Lines>,
}

impl Column<'_> {
    fn write(&self, out: &mut String, tints: &BTreeMap<u32, usize>) {
        let Self { key, title, is_hidden, lines, sources } = self;
        let hidden = if *is_hidden { " hidden" } else { "" };
        let _ = write!(
            out,
            "<div data-c=\"{key}\"{hidden}><h3>{title}</h3><pre tabindex=\"0\" aria-label=\"{title}, {} lines\">",
            lines.len()
        );
        if lines.is_empty() {
            out.push_str("<span>nothing is left of it: it stands where it is called</span>");
        }
        let mut sources = sources.map(Sources::new);
        for line in *lines {
            let source = sources.as_mut().and_then(|sources| sources.enter(out, line.place));
            out.push_str("<span");
            if let Some((place, tint)) = line.place.and_then(|place| Some((place, tints.get(&place)?))) {
                let _ = write!(out, " data-p=\"{place:x}\" class=\"t{tint}\"");
            }
            if let Some(source) = source {
                let _ = write!(out, " data-s=\"{source}\"");
            }
            let _ = write!(out, ">{}", escaped(&line.text));
            if let Some(remark) = &line.remark {
                let _ = write!(out, "<small> ; {}</small>", escaped(remark));
            }
            out.push_str("</span>");
        }
        out.push_str("</pre></div>\n");
    }
}

/// The lines of sources, as numbers, in one function.
struct Sources<'a> {
    lines: &'a Lines,
    numbers: Vec<&'a source::Line>,
    current: Option<usize>,
}

impl<'a> Sources<'a> {
    fn new(lines: &'a Lines) -> Self {
        Self { lines, numbers: Vec::new(), current: None }
    }

    /// The number of the source line of a place, which is told where it changes.
    fn enter(&mut self, out: &mut String, place: Option<u32>) -> Option<usize> {
        let line = self.lines.at(place?)?;
        let number = self.numbers.iter().position(|known| *known == line).unwrap_or_else(|| {
            self.numbers.push(line);
            self.numbers.len() - 1
        });
        if self.current.replace(number) != Some(number) {
            let _ = write!(out, "<em data-s=\"{number}\">{}</em>", escaped(&line.to_string()));
        }
        Some(number)
    }
}
