//! What `bindgen!` is told.

use proc_macro2::Span;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitStr, Path, Result, Token, braced};

/// `crate; { path: "...", inline: "...", world: "...", with: { "...": path } }`. What stands first is written by the macro that users invoke.
pub(crate) struct Options {
    /// The crate `wasmer-component`, under whatever name.
    pub(super) krate: Ident,
    pub(super) path: Option<LitStr>,
    pub(super) inline: Option<LitStr>,
    pub(super) world: Option<LitStr>,
    pub(super) with: Vec<(LitStr, Path)>,
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
        let mut options = Self { krate, path: None, inline: None, world: None, with: Vec::new() };
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
        let name: Ident = input.parse()?;
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
            other => {
                let message = format!("unknown option `{other}`: there are `path`, `inline`, `world` and `with`");
                return Err(Error::new(name.span(), message));
            }
        };
        match text.replace(input.parse()?) {
            None => Ok(()),
            Some(_) => Err(Error::new(name.span(), format!("`{name}` is there twice"))),
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
