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
        (quote!(component; { inlin: "" }), "`additional_derives_ignore`, `async`, `imports` and `exports`"),
        (quote!(component;), "there is no WIT"),
        (quote!(component; "world" in "no/such/folder"), "no/such/folder"),
        (quote!(component; "no-such-world" in "tests/wit"), "no-such-world"),
        (quote!(component; "world" at "tests/wit"), "unexpected token"),
        (quote!(component; in), "expected string literal"),
        (quote!(component; { inline: "", features: ["a"], features: ["b"] }), "`features` is there twice"),
        (quote!(component; { inline: "", features: "a" }), "expected square brackets"),
        (
            quote!(component; { inline: "package a:b; world w {}", features: ["quick"] }),
            "nothing in the WIT is of the feature `quick`",
        ),
        (quote!(component; { inline: "", additional_derives: [Eq], additional_derives: [Hash] }), "is there twice"),
        (quote!(component; { inline: "", additional_derives: ["Eq"] }), "expected identifier"),
        (
            quote!(component; { inline: "package a:b; world w {}", additional_derives_ignore: ["r"] }),
            "there is no type `r`",
        ),
        (quote!(component; { inline: "", inline: "" }), "`inline` is there twice"),
        (quote!(component; { async: true, async: false }), "`async` is there twice"),
        (quote!(component; { async: { only_imports: [] } }), "`async` is `true` or `false`; `imports: { ... }`"),
        (quote!(component; { imports: true }), "expected curly braces"),
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

/// A world of which functions wait.
const WAITS: &str = "package a:b@1.2.3;
    interface i { resource r { constructor(); m: func(); s: static func(); } f: func(); f-g: func(); }
    interface j { f: func(); }
    world w { import i; import j; import f: func(); import k: interface { f: func(); } export i; export f: func(); }";

#[test]
fn what_is_async_is_what_the_options_say() {
    // How many functions of imports, and how many calls of exports.
    let all = [(8, 6), (0, 6), (8, 0)];
    let cases = [
        (quote!(), (0, 0)),
        (quote!(async: true), all[0]),
        (quote!(async: false), (0, 0)),
        (quote!(imports: { default: async }), all[2]),
        (quote!(exports: { default: async | trappable }), all[1]),
        (quote!(async: true, imports: { default: sync }), all[1]),
        (quote!(async: true, exports: { default: trappable }), all[2]),
        (quote!(imports: { "a:b/i": async }), (5, 0)),
        (quote!(imports: { "a:b/i@1.2.3": async, "a:b/i#f": sync }), (4, 0)),
        (quote!(imports: { "a:b/i#[drop]r": async }), (1, 0)),
        (quote!(async: true, imports: { "a:b/i@1.2.3.[drop]r": async }), (9, 6)),
        (quote!(imports: { "a:b/i": async, "a:b/i@1.2.3#[drop]r": sync }), (5, 0)),
        (quote!(imports: { "a:b/i@1.2.3#f-g": async, }), (1, 0)),
        (quote!(imports: { "a:b/i.f-g": async, "a:b/i@1.2.3.[method]r.m": async, "a:b/i#[static]r.s": async }), (3, 0)),
        (quote!(imports: { "a:b/i#[constructor]r": async }), (1, 0)),
        (quote!(imports: { "f": async, "k#f": async }), (2, 0)),
        (quote!(imports: { "k": async }), (1, 0)),
        (quote!(async: true, exports: { "a:b/i": sync, "a:b/i#f": async }), (8, 2)),
        (quote!(exports: { "f": async }), (0, 1)),
        (quote!(exports: { "f": async | async }), (0, 1)),
    ];
    for (options, counts) in cases {
        let output = output(WAITS, options.clone()).unwrap();
        let count = |what: &str| output.matches(what).count();
        let hosts = count("impl :: core :: future :: Future <");
        assert_eq!((hosts, count("pub async fn call_")), counts, "{options}");
        assert_eq!(count(". func_wrap_async (") + count(". resource_async ("), hosts, "{options}");
        assert_eq!(count("< __T : :: core :: marker :: Send + 'static") > 0, hosts > 0, "{options}");
    }
}

#[test]
fn rules_about_nothing_are_named() {
    let cases = [
        (quote!(imports: { "g": async }), "the world imports no `g`: there is `f`, `a:b/i@1.2.3`, `a:b/j@1.2.3`, `k`"),
        (quote!(exports: { "a:b/j": async }), "the world exports no `a:b/j`: there is `f`, `a:b/i@1.2.3`"),
        (quote!(imports: { "a:b/j#g": async }), "`a:b/j@1.2.3` has no such function: there is `f`"),
        (quote!(imports: { "a:b/j@1.2.3/f": async }), "`a:b/j@1.2.3` has no such function: there is `f`"),
        (quote!(imports: { "a:b/j@1.2.2": async }), "the world imports no `a:b/j@1.2.2`"),
        (
            quote!(imports: { "a:b/i#r.m": async }),
            "`a:b/i@1.2.3` has no such function: there is `[constructor]r`, `[method]r.m`",
        ),
        (
            quote!(imports: { "a:b/i#[drop]q": async }),
            "`a:b/i@1.2.3` has no such function: there is `[constructor]r`, `[method]r.m`, `[static]r.s`, `f`, `f-g`, `[drop]r`",
        ),
        (quote!(exports: { "a:b/i#[drop]r": async }), "is ended by `GuestOwn::drop` and `GuestOwn::drop_async`"),
        (quote!(imports: { "": async }), "the world imports no ``"),
        (quote!(imports: { "f": async, "f": sync }), "`f` is there twice"),
        (quote!(imports: { default: async, default: sync }), "`default` is there twice"),
        (quote!(imports: { f: async }), "`f` is neither `default` nor the name of an interface or function in quotes"),
        (quote!(imports: { "f": async | sync }), "either `async` or `sync`"),
        (
            quote!(imports: { "f": tracing | async }),
            "`tracing` is not supported: a function is `async`, `sync` or `trappable`",
        ),
        (quote!(imports: { "f": }), "expected ident"),
        (
            quote!(with: { "a:b/i": crate::i }, imports: { "a:b/i#f": async }),
            "`a:b/i@1.2.3` is defined elsewhere, as `with` says",
        ),
    ];
    for (options, message) in cases {
        let error = output(WAITS, options).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
    // Of an interface in several versions, the function is in one.
    let versions = "package a:b;
        package c:d@1.0.0 { interface i { f: func(); } }
        package c:d@2.0.0 { interface i { g: func(); } }
        world w { import c:d/i@1.0.0; import c:d/i@2.0.0; }";
    assert!(output(versions, quote!(imports: { "c:d/i#g": async })).is_ok());
    assert!(output(versions, quote!(imports: { "c:d/i@1.0.0#g": async })).is_err());
    // What is said of all is not about what is defined elsewhere.
    assert!(output(WAITS, quote!(with: { "a:b/i": crate::i }, imports: { default: async })).is_ok());
}

/// `async func` of WIT is another thing: its callee may return before it ends.
#[test]
fn async_functions_of_wit_are_refused_whatever_the_options_say() {
    let wit = "package a:b;\ninterface i { f: async func(); }\nworld w { import i; }";
    for options in [quote!(async: true), quote!(imports: { "a:b/i#f": async })] {
        let error = output(wit, options).unwrap_err();
        assert!(error.contains("function `f` is async") && error.contains("inline.wit:2:15"), "{error}");
    }
}

#[test]
fn a_world_can_be_named_without_braces() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let expand = |input| expand(input, root).map(|tokens| tokens.to_string()).map_err(|error| error.to_string());
    let named = expand(quote!(component; { path: "tests/wit", world: "drawing" })).unwrap();
    assert_eq!(expand(quote!(component; "drawing" in "tests/wit")).unwrap(), named);
    assert_eq!(expand(quote!(component; in "tests/wit")).unwrap(), named);
}

/// What is unstable is there if its feature is.
#[test]
fn features_say_what_is_there() {
    let wit = "package a:b@1.0.0;
        interface i {
            @unstable(feature = quick) f: func();
            @unstable(feature = slow) type t = u8;
            @since(version = 1.0.0) g: func();
        }
        @unstable(feature = quick) interface j { h: func(); }
        world w { import i; @unstable(feature = quick) import j; @unstable(feature = late) import k: func(); }";
    let names = |options| {
        let output = output(wit, options).unwrap();
        ["fn f (", "type T =", "fn g (", "fn h (", "fn k ("].map(|name| output.contains(name))
    };
    assert_eq!(names(quote!()), [false, false, true, false, false]);
    assert_eq!(names(quote!(features: ["quick"])), [true, false, true, true, false]);
    assert_eq!(names(quote!(features: ["slow", "late"])), [false, true, true, false, true]);
    assert!(output(wit, quote!(features: ["quick", "fast"])).unwrap_err().contains("feature `fast`"));
}

#[test]
fn derives_are_added_to_types_that_do_not_have_them() {
    let wit = "package a:b; interface i {
        record r { x: u8 } variant v { a(u8) } enum e { a } flags g { a } resource s; type alias = r;
        f: func(r: r, v: v, e: e, g: g) -> s; } world w { import i; }";
    let count = |options, what: &str| output(wit, options).unwrap().matches(what).count();
    let hash = "# [derive (Hash)]";
    assert_eq!(count(quote!(), hash), 0);
    assert_eq!(count(quote!(additional_derives: [Hash]), hash), 4);
    assert_eq!(count(quote!(additional_derives: [Hash, Clone, PartialEq, Copy]), hash), 4);
    assert_eq!(count(quote!(additional_derives: [Hash], additional_derives_ignore: ["v", "g"]), hash), 2);
    // What all have is not added; what some have is to the others.
    assert_eq!(count(quote!(additional_derives: [Clone, Debug]), "# [derive ()]"), 0);
    assert_eq!(count(quote!(additional_derives: [Eq, serde::Serialize]), "# [derive (Eq , serde :: Serialize)]"), 2);
    assert_eq!(count(quote!(additional_derives: [Eq, serde::Serialize]), "# [derive (serde :: Serialize)]"), 2);
}
