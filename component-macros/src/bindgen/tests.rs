//! What `bindgen!` refuses, and what it makes of names.

use super::*;

/// The output for WIT, or the message of the error.
fn output(wit: &str, more: TokenStream) -> std::result::Result<String, String> {
    let expanded = expand(quote!(component; { inline: #wit, #more }), Path::new(env!("CARGO_MANIFEST_DIR")));
    expanded.map(|tokens| tokens.to_string()).map_err(|error| error.to_string())
}

fn refusal(wit: &str) -> String {
    output(&format!("package a:b;\n{wit}"), quote!()).unwrap_err()
}

#[test]
fn what_is_wrong_with_wit_is_said_with_its_place() {
    let error = refusal("interface i { f: fun(); }\nworld w {}");
    assert!(error.contains("inline.wit:2:18") && error.contains("expected"), "{error}");
    let error = refusal("interface i { f: func(x: missing); }\nworld w {}");
    assert!(error.contains("inline.wit:2:26") && error.contains("`missing`"), "{error}");
    let error = refusal("world w { import c:d/e; }");
    assert!(error.contains("inline.wit:2:18") && error.contains("c:d"), "{error}");
    let error = refusal("interface i { enum foo-bar { a } enum foobar { a } }");
    assert!(error.contains("`foobar` conflicts with previous name `foo-bar`"), "{error}");
    let error = refusal("interface i {");
    assert!(error.contains("inline.wit:2"), "{error}");
}

#[test]
fn worlds_that_are_not_there_are_named() {
    assert!(refusal("world v {}\nworld w {}").contains("a:b/v"), "{}", refusal("world v {}\nworld w {}"));
    assert!(refusal("interface i {}").contains("contains no worlds"));
    let error = output("package a:b; world w {}", quote!(world: "x")).unwrap_err();
    assert!(error.contains('x') && error.contains("not found in package `a:b`"), "{error}");
    let error = output("package a:b; world w {}", quote!(world: "not/a/name")).unwrap_err();
    assert!(error.contains("not/a/name"), "{error}");
}

#[test]
fn what_is_not_supported_is_named_with_its_place() {
    let parameters: Vec<_> = (0..16).map(|number| format!("p{number}: u8")).collect();
    let cases = |count: usize| (0..count).map(|number| format!("c{number}")).collect::<Vec<_>>().join(", ");
    let cases = [
        ("f: async func();".to_owned(), "function `f` is async"),
        ("resource r { m: async func(); }".to_owned(), "function `[method]r.m` is async"),
        ("f: func(x: stream<u8>);".to_owned(), "a stream is not supported"),
        ("f: func() -> future<u8>;".to_owned(), "a future is not supported"),
        ("type t = future;".to_owned(), "a future is not supported"),
        (format!("f: func({});", parameters.join(", ")), "more than 15 parameters"),
        (format!("f: func() -> tuple<{}>;", ["u8"; 16].join(", ")), "more than 15 elements"),
        (format!("enum e {{ {} }}", cases(257)), "more than 256 cases"),
        (format!("variant v {{ {} }}", cases(257)), "more than 256 cases"),
        (format!("flags x {{ {} }}", cases(33)), "more than 32 flags"),
    ];
    for (item, message) in cases {
        for direction in ["import", "export"] {
            let error = refusal(&format!("interface i {{ {item} }}\nworld w {{ {direction} i; }}"));
            assert!(error.contains(message) && error.contains("inline.wit:2"), "{error}");
        }
    }
    assert!(refusal("world w { export f: async func(); }").contains("function `f` is async"));
}

#[test]
fn options_that_do_not_fit_are_named() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cases = [
        (quote!(component; {}), "there is no WIT"),
        (quote!(component; { inlin: "" }), "unknown option `inlin`"),
        (quote!(component; { inline: "", inline: "" }), "`inline` is there twice"),
        (quote!(component; { path: "no/such/folder" }), "no/such/folder"),
        (
            quote!(component; { inline: "package a:b; world w {}", with: { "a:b/c": crate::c } }),
            "the world imports no interface `a:b/c`",
        ),
    ];
    for (input, message) in cases {
        let error = expand(input, root).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn files_are_looked_at_again_when_they_change() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = expand(quote!(component; { path: "tests/wit" }), root).unwrap().to_string();
    for file in ["world.wit", "shapes.wit"] {
        assert!(output.contains(file), "{output}");
    }
}

/// The same WIT gives the same Rust.
#[test]
fn the_output_is_the_same_each_time() {
    let wit = "package a:b; interface i { record r { x: u8 } f: func(r: r); } interface j { use i.{r}; g: func() -> r; } world w { import i; export j; }";
    let first = output(wit, quote!()).unwrap();
    for _ in 0..10 {
        assert_eq!(output(wit, quote!()).unwrap(), first);
    }
}
