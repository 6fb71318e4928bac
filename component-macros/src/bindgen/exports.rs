//! What a world exports: structs of functions, found once in an instance.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::Result;
use wit_parser::{Docs, Function, TypeDefKind};

use super::imports::rust_name;
use super::names::Scope;
use super::types::Form;
use super::world::{Item, Place, Side, World, docs};

/// A struct of functions.
pub(super) struct Functions<'a, 'i> {
    pub(super) place: Place,
    pub(super) ident: &'i Ident,
    pub(super) docs: TokenStream,
    /// What components call the interface; none are the world's own.
    pub(super) wit: Option<&'i str>,
    pub(super) functions: Vec<&'a Function>,
    /// Other structs of functions, as public fields: what WIT calls them, their types, their docs.
    pub(super) parts: Vec<(String, TokenStream, String)>,
    /// More of its associated functions.
    pub(super) more: TokenStream,
}

impl<'a> World<'a> {
    /// The struct for an exported interface, with those of its resources; nothing for one that has types alone.
    pub(super) fn guest(&self, Item { wit, id }: &Item) -> Result<Option<TokenStream>> {
        let place = Place { interface: Some(*id), side: Side::Export };
        let interface = self.interface_of(*id);
        let (mut output, mut parts) = (TokenStream::new(), Vec::new());
        for (name, id) in &interface.types {
            if !matches!(self.resolve.types[*id].kind, TypeDefKind::Resource) {
                continue;
            }
            let (ident, text) =
                (&self.resource_names(*id)?.guest, format!("The functions of the resource type `{name}`."));
            output.extend(self.struct_of(Functions {
                place,
                ident,
                docs: docs(&Docs::default(), &text),
                wit: Some(wit),
                functions: self.functions_of(interface.functions.values(), Some(*id))?,
                parts: Vec::new(),
                more: TokenStream::new(),
            })?);
            parts.push((name.clone(), quote!(#ident), text));
        }
        let functions = self.functions_of(interface.functions.values(), None)?;
        if functions.is_empty() && parts.is_empty() {
            return Ok(None);
        }
        let ident = Ident::new("Guest", proc_macro2::Span::call_site());
        let docs = docs(&interface.docs, &format!("What a component exports as `{wit}`."));
        let more = TokenStream::new();
        output.extend(self.struct_of(Functions {
            place,
            ident: &ident,
            docs,
            wit: Some(wit),
            functions,
            parts,
            more,
        })?);
        Ok(Some(output))
    }

    /// A struct of functions with its methods.
    pub(super) fn struct_of(&self, of: Functions<'a, '_>) -> Result<TokenStream> {
        let Functions { place, ident, docs, wit, functions, parts, more } = of;
        let krate = &self.options.krate;
        let names = quote!(#krate::macros::names);
        let mut fields = Scope::default();
        let (part_types, part_docs): (Vec<_>, Vec<_>) = parts.iter().map(|(_, ty, docs)| (ty, docs)).unzip();
        let parts: Vec<_> = parts.iter().map(|(name, ..)| fields.snake(name)).collect();
        let mut methods = Scope::default();
        let (mut declarations, mut news, mut outside, mut inside) = (quote!(), quote!(), quote!(), quote!());
        // A function is a type of its own by its number: parameters that are borrowed need a lifetime, which only an associated type can have.
        for (function, number) in functions.into_iter().zip(0_usize..) {
            let (field, method) = (fields.snake(rust_name(function)), methods.prefixed("call", rust_name(function)));
            let path = wit.map_or_else(|| function.name.clone(), |wit| format!("{wit}#{}", function.name));
            let (lifetime, elided) = (quote!('a), quote!());
            let (_, types) = self.params(place, function, &[], Form::Borrowed(&lifetime))?;
            let (params, elided) = self.params(place, function, &["self", "store"], Form::Borrowed(&elided))?;
            let result = self.result(place, function)?;
            let docs = super::world::docs(&function.docs, &format!("Calls `{}`.", function.name));
            declarations.extend(quote!(#field: #krate::DeclaredFunc<#ident, #number>,));
            news.extend(quote!(#field: #krate::DeclaredFunc::new(store, instance, #path)?,));
            outside.extend(quote! {
                impl #krate::Signature<#number> for #ident {
                    type Params<'a> = (#(#types,)*);
                    type Result = #result;
                }
            });
            let (keyword, call) = match self.is_async(Side::Export, wit.unwrap_or_default(), &function.name) {
                true => (Some(quote!(async)), quote!(call_async(store, (#(#params,)*)).await)),
                false => (None, quote!(call(store, (#(#params,)*)))),
            };
            inside.extend(quote! {
                #docs
                pub #keyword fn #method(&self, store: &mut impl #names::AsStoreMut #(, #params: #elided)*) -> #names::Result<#result> {
                    self.#field.#call
                }
            });
        }
        Ok(quote! {
            #docs
            pub struct #ident {
                #(#[doc = #part_docs] pub #parts: #part_types,)*
                #declarations
            }

            #outside

            #[allow(clippy::too_many_arguments, reason = "as many as WIT says")]
            impl #ident {
                /// Finds the functions in an instance.
                ///
                /// # Errors
                /// If one is not there or is of another type.
                #[allow(unused_variables, reason = "there may be nothing to find")]
                pub fn new(
                    store: &mut impl #names::AsStoreMut,
                    instance: &#krate::ComponentInstance,
                ) -> #names::Result<Self> {
                    Ok(Self {
                        #(#parts: <#part_types>::new(store, instance)?,)*
                        #news
                    })
                }

                #more

                #inside
            }
        })
    }
}
