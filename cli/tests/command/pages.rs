//! Functions in all their forms side by side: `wasmer compile --emit html` and `--emit mixed`; and that every page is one file, well-formed, and has nothing of a
//! stranger's in it but text.

use std::collections::BTreeMap;

use crate::common::{Bench, Ran, printer};

const MODULE: &str = r#"(module
    (memory 1)
    (func $double (export "twice") (param i32) (result i32)
        (i32.add (local.get 0) (local.get 0)))
    (func $divide (param i32 i32) (result i32)
        (i32.div_s (local.get 0) (local.get 1)))
    (func $sum (param i32) (result i32) (local i32)
        (loop
            (local.set 1 (i32.add (local.get 1) (i32.load (local.get 0))))
            (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 4)))))
        (call $divide (local.get 1) (i32.const 3))))"#;

const BACKENDS: &[&str] =
    if cfg!(feature = "llvm") { &["singlepass", "cranelift", "llvm"] } else { &["singlepass", "cranelift"] };

fn emit(bench: &Bench, words: &[&str]) -> Ran {
    bench.file("module.wat", MODULE);
    let ran = bench.run([&["compile", "module.wat", "--emit"], words].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran
}

/// The tags of a page, each with what stands in it, and the text behind it. What is not well-formed is a panic.
fn tags(page: &str) -> Vec<(&str, &str)> {
    let mut rest = page;
    let mut open = Vec::new();
    let mut tags = Vec::new();
    while let Some((_, behind)) = rest.split_once('<') {
        let (tag, after) = behind.split_once('>').expect("a tag ends");
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        assert!(!tag.contains('<'), "<{tag}>");
        let name = tag.split([' ', '\n']).next().unwrap();
        let text = match name {
            "script" | "style" => after.split_once(&format!("</{name}>")).expect("it ends").0,
            _ => after.split_once('<').map_or(after, |(text, _)| text),
        };
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{tags:?}"),
            None if ["!doctype", "meta", "input", "line", "rect", "path"].contains(&name) => {}
            None => open.push(name),
        }
        tags.push((tag, text));
        rest = &after[if name == "script" || name == "style" { text.len() } else { 0 }..];
    }
    assert!(open.is_empty(), "{open:?}");
    tags
}

/// That a page loads nothing and runs nothing but its own script.
fn is_self_contained(page: &str, scripts: usize) {
    let tags = tags(page);
    assert_eq!(tags.iter().filter(|(tag, _)| tag.starts_with("script")).count(), scripts);
    for (tag, text) in tags {
        assert!(!tag.contains(" src=") && !tag.contains(" on") && !text.contains("url("), "<{tag}>{text}");
        let link = tag.split_once("href=\"").map(|(_, link)| link);
        assert!(link.is_none_or(|link| link.starts_with("#f")), "<{tag}>");
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// A line of a column: its text, what is said of it, the operator and the line of the source that it is from.
#[derive(Debug, Default)]
struct Line {
    text: String,
    place: Option<String>,
    source: Option<String>,
}

/// The columns of a page: lines by function and name of the column.
fn columns(page: &str) -> BTreeMap<(String, String), Vec<Line>> {
    let value = |tag: &str, name: &str| {
        let (_, behind) = tag.split_once(&format!(" {name}=\""))?;
        Some(behind.split_once('"').unwrap().0.to_owned())
    };
    let (mut columns, mut function, mut column) = (BTreeMap::new(), String::new(), String::new());
    for (tag, text) in tags(page) {
        if tag.starts_with("section") {
            function = value(tag, "id").unwrap();
        } else if tag.starts_with("div data-c") {
            column = value(tag, "data-c").unwrap();
        } else if tag.starts_with("span") {
            let lines: &mut Vec<Line> = columns.entry((function.clone(), column.clone())).or_default();
            lines.push(Line { text: unescaped(text), place: value(tag, "data-p"), source: value(tag, "data-s") });
        }
    }
    columns
}

/// The functions of a listing, without remarks.
fn listed(text: &str) -> BTreeMap<String, Vec<String>> {
    let (mut functions, mut function) = (BTreeMap::<String, Vec<String>>::new(), String::new());
    for line in text.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix("; function ") {
            Some(rest) => function = format!("f{}", rest.split(' ').next().unwrap()),
            None => functions.entry(function.clone()).or_default().push(line.to_owned()),
        }
    }
    functions
}

#[test]
fn a_page_shows_what_the_listings_show() {
    let bench = Bench::new();
    let page = emit(&bench, &["html"]).out;
    is_self_contained(&page, 1);
    let columns = columns(&page);
    for backend in BACKENDS {
        let code = listed(&emit(&bench, &["asm", "--backend", backend]).out);
        assert_eq!(code.len(), 3, "{code:?}");
        for (function, lines) in code {
            let shown = &columns[&(function, format!("{backend}-code"))];
            assert_eq!(shown.len(), lines.len(), "{shown:?} {lines:?}");
            for (shown, listed) in shown.iter().zip(lines) {
                assert!(listed.starts_with(&shown.text), "{shown:?} is not {listed}");
            }
        }
    }
    for (function, lines) in listed(&emit(&bench, &["clif"]).out) {
        let shown = &columns[&(function, "cranelift-clif".to_owned())];
        let shown: Vec<_> = shown.iter().filter(|line| !line.text.is_empty()).collect();
        assert_eq!(shown.len(), lines.len(), "{shown:?} {lines:?}");
        for (shown, listed) in shown.iter().zip(lines) {
            assert!(listed.ends_with(shown.text.trim_start()), "{shown:?} is not {listed}");
            let place = shown.place.as_ref().map(|place| format!("@{place:0>4} "));
            assert!(place.is_none_or(|place| listed.starts_with(&place)), "{shown:?} is not {listed}");
        }
    }
}

/// Of an operator in the text, its place.
fn place_of(wasm: &[Line], operator: &str) -> Option<String> {
    wasm.iter().find(|line| line.text.trim_start().starts_with(operator)).expect("the operator is there").place.clone()
}

#[test]
fn operators_lead_to_what_became_of_them_and_back() {
    let bench = Bench::new();
    let page = emit(&bench, &["html"]).out;
    let columns = columns(&page);
    for ((function, name), lines) in &columns {
        let wasm = &columns[&(function.clone(), "wasm".to_owned())];
        for line in lines.iter().filter(|line| line.place.is_some()) {
            assert!(wasm.iter().any(|operator| operator.place == line.place), "{function} {name}: {line:?}");
        }
    }
    for backend in BACKENDS {
        for (function, operator, instruction) in
            [("f1", "i32.div_s", "idiv"), ("f2", "i32.sub", "4"), ("f2", "i32.load", "["), ("f2", "i32.const 3", "3")]
        {
            let place = place_of(&columns[&(function.to_owned(), "wasm".to_owned())], operator);
            let code = &columns[&(function.to_owned(), format!("{backend}-code"))];
            // Compilers move constants and bounds; what traps stays what it was.
            let is_there = code.iter().any(|line| line.place == place && line.text.contains(instruction));
            assert!(
                is_there || !operator.contains("div") && !operator.contains("load"),
                "{backend} {operator}: {code:?}"
            );
        }
    }
    // The text format's own lines are the source.
    let wasm = &columns[&("f0".to_owned(), "wasm".to_owned())];
    assert!(wasm.iter().any(|line| line.text.trim_start() == "i32.add" && line.source.is_some()), "{wasm:?}");
    assert!(page.contains("module.wat:4</em>"), "{page}");
}

#[test]
fn names_of_strangers_are_text() {
    let bench = Bench::new();
    let name = r#"</script></span><script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp;\1b[2J"#;
    bench.file("m.wat", format!(r#"(module $"{name}" (func $"{name}" (export "{name}") (call $"{name}")))"#));
    let file = "<b onclick=x>.wat";
    std::fs::rename(bench.path("m.wat"), bench.path(file)).unwrap();
    let ran = bench.run(["compile", file, "--emit", "html"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    is_self_contained(&ran.out, 1);
    assert!(!ran.out.contains('\x1b') && ran.out.contains("alert(1)&lt;/script&gt;"), "{}", ran.out);
    assert!(tags(&ran.out).iter().all(|(tag, _)| !tag.starts_with("img") && !tag.starts_with("b ")));
}

#[test]
fn what_a_page_leaves_out_is_told() {
    let bench = Bench::new();
    let body = "(drop (i32.const 1000000))\n".repeat(1000);
    let functions: String = (0..20).map(|number| format!("(func $f{number} {body})")).collect();
    bench.file("large.wat", format!("(module {functions} (func (export \"last\") {body}))"));
    let limit = "6 of 21 functions are shown: exported ones, then the first; `--function` names others";
    let ran = bench.run(["compile", "large.wat", "--emit", "html", "--backend", "singlepass"]);
    assert_eq!((ran.code, ran.err.trim_end()), (Some(0), limit));
    assert!(ran.out.contains(limit) && ran.out.contains("id=\"f20\"") && !ran.out.contains("id=\"f6\""));
    let words =
        ["compile", "large.wat", "--emit", "html", "--backend", "singlepass", "--function", "f7", "-o", "page.html"];
    bench.run(words).printed("").silent();
    let page = std::fs::read_to_string(bench.path("page.html")).unwrap();
    assert_eq!((page.matches("<section").count(), page.matches("functions are shown").count()), (1, 0));
    assert!(page.contains("id=\"f7\""));
}

#[test]
fn operators_and_sources_stand_between_machine_code() {
    let bench = Bench::new();
    for backend in BACKENDS {
        let text = emit(&bench, &["mixed", "--backend", backend, "--function", "divide"]).out;
        assert!(text.starts_with("; function 1 divide\n") && text.contains("module.wat:6\n"), "{backend}: {text}");
        let (before, _) = text.split_once("idiv").expect("a division");
        assert!(before.contains(";;   i32.div_s\n") && before.contains(";;   local.get 1\n"), "{backend}: {text}");
        assert!(text.contains("integer divide by zero"), "{backend}: {text}");
        // Without what was put between, it is the listing.
        let code = text.lines().filter(|line| !line.starts_with("; ") && !line.contains(" ;; "));
        let listing = emit(&bench, &["asm", "--backend", backend, "--function", "divide"]).out;
        let instruction = |line: &str| line.split(" ; ").next().unwrap().trim_end().to_owned();
        let listed = listing.lines().filter(|line| !line.starts_with("; "));
        assert_eq!(code.map(instruction).collect::<Vec<_>>(), listed.map(instruction).collect::<Vec<_>>());
    }
}

#[test]
fn the_page_of_a_comparison_is_well_formed() {
    let bench = Bench::new();
    bench.file("<i>.wat", printer("hello"));
    let words = ["bench", "--runs", "1", "--starts", "3", "--backend", "singlepass", "--html", "page.html", "<i>.wat"];
    let ran = bench.run(words);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let page = std::fs::read_to_string(bench.path("page.html")).unwrap();
    is_self_contained(&page, 0);
    let chart = page.split("Time of each start").nth(1).unwrap().split("</svg>").next().unwrap();
    assert_eq!(chart.matches("<rect").count(), 3 + chart.matches("rx=").count(), "a bar for each start: {chart}");
}
