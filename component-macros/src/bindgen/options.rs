//! What `bindgen!` is told.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitBool, LitStr, Path, Result, Token, braced};

use super::waits::{Waits, for_both, twice};

/// `crate; { path: "...", inline: "...", world: "...", with: { "...": path }, async: true, imports: { "...": async }, exports: { "...": async } }`. What
/// stands first is written by the macro that users invoke.
pub(crate) struct Options {
    /// The crate `wasmer-component`, under whatever name.
    pub(super) krate: Ident,
    pub(super) path: Option<LitStr>,
    pub(super) inline: Option<LitStr>,
    pub(super) world: Option<LitStr>,
    pub(super) with: Vec<(LitStr, Path)>,
    pub(super) is_async: Option<LitBool>,
    pub(super) imports: Waits,
    pub(super) exports: Waits,
}

impl Options {
    /// Where to show what is wrong with the WIT.
    pub(super) fn span(&self) -> Span {
        self.inline.as_ref().or(self.path.as_ref()).map_or_else(Span::call_site, LitStr::span)
    }
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        // `$crate` of the declarative macro, which only that one can name.
        let krate = input.parse()?;
        input.parse::<Token![;]>()?;
        let mut options = Self {
            krate,
            path: None,
            inline: None,
            world: None,
            with: Vec::new(),
            is_async: None,
            imports: Waits::default(),
            exports: Waits::default(),
        };
        let content;
        braced!(content in input);
        while !content.is_empty() {
            options.option(&content)?;
            if !content.is_empty() {
                content.parse::<Token![,]>()?;
            }
        }
        if options.path.is_none() && options.inline.is_none() {
            return Err(
                content.error("there is no WIT: `path: \"...\"` is a file or a folder, `inline: \"...\"` is text")
            );
        }
        Ok(options)
    }
}

impl Options {
    fn option(&mut self, input: ParseStream<'_>) -> Result<()> {
        let name = input.call(Ident::parse_any)?;
        input.parse::<Token![:]>()?;
        let text = match name.to_string().as_str() {
            "path" => &mut self.path,
            "inline" => &mut self.inline,
            "world" => &mut self.world,
            "with" => {
                let content;
                braced!(content in input);
                let entries = Punctuated::<With, Token![,]>::parse_terminated(&content)?;
                self.with.extend(entries.into_iter().map(|With(interface, path)| (interface, path)));
                return Ok(());
            }
            "async" => {
                let is_twice = self.is_async.replace(for_both(input)?).is_some();
                return if is_twice { Err(twice(name.span(), "async")) } else { Ok(()) };
            }
            "imports" => return self.imports.parse(input),
            "exports" => return self.exports.parse(input),
            other => {
                let known = "there are `path`, `inline`, `world`, `with`, `async`, `imports` and `exports`";
                return Err(Error::new(name.span(), format!("unknown option `{other}`: {known}")));
            }
        };
        match text.replace(input.parse()?) {
            None => Ok(()),
            Some(_) => Err(twice(name.span(), &name.to_string())),
        }
    }
}

/// `"wasi:io/streams": wasmer_runtime::wasi_p2`.
struct With(LitStr, Path);

impl Parse for With {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let interface = input.parse()?;
        input.parse::<Token![:]>()?;
        Ok(Self(interface, input.call(Path::parse_mod_style)?))
    }
}
