//! What `bindgen!` is told.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitBool, LitStr, Path, Result, Token, braced, bracketed};

use super::waits::{Waits, for_both, twice};

/// `crate; { path: "...", inline: "...", world: "...", features: ["..."], with: { "...": path }, additional_derives: [path], additional_derives_ignore: ["..."],
/// async: true, imports: { "...": async }, exports: { "...": async } }`, or instead of the braces `"world" in "path"`, of which each part may be left out. What
/// stands first is written by the macro that users invoke.
pub(crate) struct Options {
    /// The crate `wasmer-component`, under whatever name.
    pub(super) krate: Ident,
    pub(super) path: Option<LitStr>,
    pub(super) inline: Option<LitStr>,
    pub(super) world: Option<LitStr>,
    /// Which items of WIT are there that are marked as unstable.
    pub(super) features: Vec<LitStr>,
    pub(super) with: Vec<(LitStr, Path)>,
    pub(super) derives: Vec<Path>,
    /// Types that are not given these, by their names in WIT.
    pub(super) derives_ignore: Vec<LitStr>,
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
            features: Vec::new(),
            with: Vec::new(),
            derives: Vec::new(),
            derives_ignore: Vec::new(),
            is_async: None,
            imports: Waits::default(),
            exports: Waits::default(),
        };
        if input.is_empty() || input.peek(LitStr) || input.peek(Token![in]) {
            options.world = input.parse()?;
            if input.parse::<Option<Token![in]>>()?.is_some() {
                options.path = Some(input.parse()?);
            }
            return Ok(options);
        }
        let content;
        braced!(content in input);
        while !content.is_empty() {
            options.option(&content)?;
            if !content.is_empty() {
                content.parse::<Token![,]>()?;
            }
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
            "features" => return list(input, &name, &mut self.features),
            "additional_derives" => {
                let content;
                bracketed!(content in input);
                let paths = content.parse_terminated(Path::parse_mod_style, Token![,])?;
                return fill(&name, &mut self.derives, paths);
            }
            "additional_derives_ignore" => return list(input, &name, &mut self.derives_ignore),
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
                let known = "there are `path`, `inline`, `world`, `features`, `with`, `additional_derives`, \
                             `additional_derives_ignore`, `async`, `imports` and `exports`";
                return Err(Error::new(name.span(), format!("unknown option `{other}`: {known}")));
            }
        };
        match text.replace(input.parse()?) {
            None => Ok(()),
            Some(_) => Err(twice(name.span(), &name.to_string())),
        }
    }
}

/// `["...", "..."]`.
fn list(input: ParseStream<'_>, name: &Ident, items: &mut Vec<LitStr>) -> Result<()> {
    let content;
    bracketed!(content in input);
    let found = content.parse_terminated(<LitStr as Parse>::parse, Token![,])?;
    fill(name, items, found)
}

fn fill<T>(name: &Ident, items: &mut Vec<T>, found: Punctuated<T, Token![,]>) -> Result<()> {
    if !items.is_empty() {
        return Err(twice(name.span(), &name.to_string()));
    }
    items.extend(found);
    Ok(())
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
