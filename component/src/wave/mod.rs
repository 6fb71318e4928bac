//! Values as text, in the notation [WAVE](https://docs.rs/wasm-wave): what `wasmer run --invoke` reads and prints.
//!
//! The parser is our own. It goes by the type, so it never nests deeper than that, and says what it expected and where;
//! the crate `wasm-wave` parses first and compares types afterwards, brings a generator of lexers, and wants traits on owned types.

mod print;
mod read;
#[cfg(test)]
mod tests;

pub(crate) use read::Reader;

/// Words that stand for values, so that cases with these names are written with a `%` before them.
fn is_keyword(word: &str) -> bool {
    matches!(word, "true" | "false" | "inf" | "nan" | "some" | "none" | "ok" | "err")
}
