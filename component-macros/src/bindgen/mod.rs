//! `bindgen!`: from a world of WIT to Rust.

mod exports;
mod imports;
mod names;
mod options;
mod source;
#[cfg(test)]
mod tests;
mod types;
mod waits;
mod world;

use std::path::Path;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{Error, Result};
use wit_parser::Docs;

use exports::Functions;
use imports::{HostOf, Linking};
use options::Options;
use source::Source;
use world::{Item, Place, Side, World, docs};

/// The Rust for a world. Paths are relative to `root`.
pub(crate) fn expand(input: TokenStream, root: &Path) -> Result<TokenStream> {
    let options: Options = syn::parse2(input)?;
    let source = Source::read(&options, root)?;
    let world = World::new(&options, &source.resolve, source.world)?;
    let mut tree = Tree::default();
    let own = world.own_imports(&mut tree)?;
    let mut bounds = own.bounds;
    let Linking { mut statements, mut waits } = own.linking;
    for item in &world.imports {
        if let Some(linked) = world.import(item, &mut tree)? {
            let path = &linked.path;
            bounds.push(quote!(#path::Host));
            statements.extend(quote!(#path::add_to_linker(linker, part)?;));
            waits |= linked.waits;
        }
    }
    let add_to_linker = match bounds.is_empty() {
        true => TokenStream::new(),
        false => world.add_to_linker(&bounds, &Linking { statements, waits }),
    };
    let exports = world.exports(add_to_linker, &mut tree)?;
    let files = source.files.iter().map(|file| {
        let file = file.to_str().ok_or_else(|| Error::new(options.span(), "the path of a file is not UTF-8"))?;
        Ok(quote!(
            // Makes the compiler look at the file again when it changes; the constant is never used.
            const _: &[u8] = ::core::include_bytes!(#file);
        ))
    });
    let files = files.collect::<Result<TokenStream>>()?;
    let aliases = world.aliases.iter().map(|(alias, path)| quote!(#[allow(unused_imports)] use #path as #alias;));
    let tree = tree.tokens();
    Ok(quote!(#files #(#aliases)* #tree #exports))
}

/// What a world imports without an interface.
#[derive(Default)]
struct OwnImports {
    bounds: Vec<TokenStream>,
    linking: Linking,
}

/// An interface that a linker has to be told of.
struct Linked {
    path: TokenStream,
    waits: bool,
}

impl<'a> World<'a> {
    fn definitions(&self, place: Place, types: &[(&str, wit_parser::TypeId)]) -> Result<TokenStream> {
        types.iter().map(|(name, id)| self.definition(place, name, *id)).collect()
    }

    fn own_imports(&self, tree: &mut Tree) -> Result<OwnImports> {
        let ident = &self.imports_ident;
        tree.items.extend(self.definitions(Place::WORLD, &self.types)?);
        let (types, functions) = (self.types.clone(), self.import_functions.clone());
        let docs = docs(&Docs::default(), "What the host has for the world, besides interfaces.");
        let host = self.host(HostOf { place: Place::WORLD, wit: "", ident, docs, types, functions })?;
        let Some(host) = host else { return Ok(OwnImports::default()) };
        let linking = self.linking(&host);
        tree.items.extend(host.traits);
        Ok(OwnImports { bounds: vec![quote!(#ident)], linking })
    }

    /// The module of an imported interface; where it is, if a linker has to be told of it.
    fn import(&self, Item { wit, id }: &Item, tree: &mut Tree) -> Result<Option<Linked>> {
        let place = Place { interface: Some(*id), side: Side::Import };
        let Some(path) = self.own_module(place) else { return Ok(None) };
        let interface = self.interface_of(*id);
        let types: Vec<_> = interface.types.iter().map(|(name, id)| (name.as_str(), *id)).collect();
        let mut output = self.definitions(place, &types)?;
        let ident = Ident::new("Host", Span::call_site());
        let trait_docs = docs(&Docs::default(), &format!("What the host does for `{wit}`."));
        let functions = interface.functions.values().collect();
        let host = self.host(HostOf { place, wit, ident: &ident, docs: trait_docs, types, functions })?;
        let linked = host.map(|host| {
            let linking = self.linking(&host);
            output.extend(host.traits);
            output.extend(self.add_to_linker(&[quote!(#ident)], &linking));
            Linked { path: quote!(#(#path)::*), waits: linking.waits }
        });
        tree.insert(path, docs(&interface.docs, &format!("`{wit}`.")), output);
        Ok(linked)
    }

    /// The modules of exported interfaces, and the struct for the world.
    fn exports(&self, add_to_linker: TokenStream, tree: &mut Tree) -> Result<TokenStream> {
        let mut parts = Vec::new();
        for item in &self.exports {
            let Item { wit, id } = item;
            let place = Place { interface: Some(*id), side: Side::Export };
            let Some(path) = self.own_module(place) else { continue };
            let interface = self.interface_of(*id);
            let types: Vec<_> = interface.types.iter().map(|(name, id)| (name.as_str(), *id)).collect();
            let mut output = self.definitions(place, &types)?;
            if let Some(guest) = self.guest(item)? {
                output.extend(guest);
                // A field's name has no version: where there are two, the scope of the fields tells them apart.
                let name = wit.split('@').next().unwrap_or(wit).replace([':', '/'], "-");
                parts.push((name, quote!(#(#path)::*::Guest), format!("The exported interface `{wit}`.")));
            }
            tree.insert(path, docs(&interface.docs, &format!("`{wit}`.")), output);
        }
        let krate = &self.options.krate;
        let names = quote!(#krate::macros::names);
        self.struct_of(Functions {
            place: Place::WORLD,
            ident: &self.ident,
            docs: docs(self.docs, &format!("What a component of the world `{}` exports.", self.wit)),
            wit: None,
            functions: self.functions_of(self.export_functions.iter().copied(), None)?,
            parts,
            more: quote! {
                #add_to_linker

                /// Makes an instance of a component and finds the functions in it.
                ///
                /// # Errors
                /// As of `ComponentLinker::instantiate`; if a function is not there or is of another type.
                pub fn instantiate<__T: 'static>(
                    store: &mut impl #names::AsStoreMut<Data = __T>,
                    component: &#krate::Component,
                    linker: &#krate::ComponentLinker<__T>,
                ) -> #names::Result<Self> {
                    let instance = linker.instantiate(store, component)?;
                    Self::new(store, &instance)
                }

                /// The same, and waits where start functions call functions of the host that are async.
                ///
                /// # Errors
                /// As of `instantiate`.
                pub async fn instantiate_async<__T: 'static>(
                    store: &mut impl #names::AsStoreMut<Data = __T>,
                    component: &#krate::Component,
                    linker: &#krate::ComponentLinker<__T>,
                ) -> #names::Result<Self> {
                    let instance = linker.instantiate_async(store, component).await?;
                    Self::new(store, &instance)
                }
            },
        })
    }
}

/// Modules in modules.
#[derive(Default)]
struct Tree {
    docs: TokenStream,
    items: TokenStream,
    children: Vec<(Ident, Tree)>,
}

impl Tree {
    fn insert(&mut self, path: &[Ident], docs: TokenStream, items: TokenStream) {
        let Some((first, rest)) = path.split_first() else {
            self.docs = docs;
            self.items.extend(items);
            return;
        };
        let position = self.children.iter().position(|(ident, _)| ident == first).unwrap_or_else(|| {
            self.children.push((first.clone(), Self::default()));
            self.children.len() - 1
        });
        self.children[position].1.insert(rest, docs, items);
    }

    fn tokens(&self) -> TokenStream {
        let Self { items, children, .. } = self;
        let children = children.iter().map(|(ident, child)| {
            let (docs, tokens) = (&child.docs, child.tokens());
            let docs = if docs.is_empty() { quote!(#[doc = "Interfaces of the world."]) } else { docs.clone() };
            quote!(#docs pub mod #ident { #tokens })
        });
        quote!(#items #(#children)*)
    }
}
