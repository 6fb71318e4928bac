//! From names of WIT to names of Rust. Where one is taken or reserved, it gets `_`, as often as needed.

use std::collections::HashSet;

use heck::{ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Ident, Span};

/// Words that are no names in Rust, of all editions.
const KEYWORDS: &[&str] = &[
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super",
    "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// The names of one place in Rust: a module, a trait, a list of parameters.
#[derive(Default)]
pub(super) struct Scope {
    taken: HashSet<String>,
}

impl Scope {
    /// A place where these names are what is written here.
    pub(super) fn reserving(names: &[&str]) -> Self {
        Self { taken: names.iter().map(|name| (*name).to_owned()).collect() }
    }

    fn ident(&mut self, mut name: String) -> Ident {
        while KEYWORDS.contains(&name.as_str()) || self.taken.contains(&name) {
            name.push('_');
        }
        self.taken.insert(name.clone());
        Ident::new(&name, Span::call_site())
    }

    /// A function, a parameter, a field, a module.
    pub(super) fn snake(&mut self, wit: &str) -> Ident {
        self.ident(wit.to_snake_case())
    }

    /// A function whose name begins with `prefix`.
    pub(super) fn prefixed(&mut self, prefix: &str, wit: &str) -> Ident {
        self.ident(format!("{prefix}_{}", wit.to_snake_case()))
    }

    /// A type, a trait, a case.
    pub(super) fn camel(&mut self, wit: &str) -> Ident {
        self.ident(wit.to_upper_camel_case())
    }

    /// A flag.
    pub(super) fn shouty(&mut self, wit: &str) -> Ident {
        self.ident(wit.to_shouty_snake_case())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_taken_or_reserved_get_another_one() {
        let mut scope = Scope::reserving(&["Host", "new"]);
        let camel =
            ["host", "foo-bar", "foobar", "self", "a-1", "a1", "HTTP-get"].map(|name| scope.camel(name).to_string());
        assert_eq!(camel, ["Host_", "FooBar", "Foobar", "Self_", "A1", "A1_", "HttpGet"]);
        let snake =
            ["new", "type", "self", "foo-bar", "foo-bar", "foobar", "gen"].map(|name| scope.snake(name).to_string());
        assert_eq!(snake, ["new_", "type_", "self_", "foo_bar", "foo_bar_", "foobar", "gen_"]);
        assert_eq!(scope.shouty("dark-blue"), "DARK_BLUE");
        assert_eq!(scope.prefixed("call", "type"), "call_type");
    }
}
