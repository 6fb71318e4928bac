//! What a world imports: traits that the host implements, and functions that tell a linker of them.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::Result;
use wit_parser::{Docs, Function, FunctionKind, TypeDefKind, TypeId};

use super::names::Scope;
use super::types::Form;
use super::world::{Place, World, docs};

/// A trait, and the statements that define its functions for a linker.
#[derive(Default)]
pub(super) struct Host {
    pub(super) traits: TokenStream,
    pub(super) definitions: TokenStream,
}

/// An interface as the host has it, or what a world imports without one.
pub(super) struct HostOf<'a, 'i> {
    pub(super) place: Place,
    /// What components call it.
    pub(super) wit: &'i str,
    /// The trait.
    pub(super) ident: &'i Ident,
    pub(super) docs: TokenStream,
    pub(super) types: Vec<(&'a str, TypeId)>,
    pub(super) functions: Vec<&'a Function>,
}

impl<'a> World<'a> {
    /// The traits of an interface, if it has functions or resources.
    pub(super) fn host(&self, of: HostOf<'a, '_>) -> Result<Option<Host>> {
        let HostOf { place, wit, ident, docs, types, functions } = of;
        let is_resource = |(_, id): &(&str, TypeId)| matches!(self.resolve.types[*id].kind, TypeDefKind::Resource);
        let mut host = Host::default();
        let mut supertraits = Vec::new();
        for (name, id) in types.into_iter().filter(is_resource) {
            let resource = self.host_resource(place, wit, name, id, &functions)?;
            host.traits.extend(resource.traits);
            host.definitions.extend(resource.definitions);
            supertraits.push(&self.resource_names(id)?.host);
        }
        let functions = self.functions_of(functions, None)?;
        if functions.is_empty() && supertraits.is_empty() {
            return Ok(None);
        }
        let (methods, definitions) = self.methods(place, wit, ident, &functions, &mut Scope::default())?;
        host.definitions.extend(definitions);
        let supertraits = if supertraits.is_empty() { quote!() } else { quote!(: #(#supertraits)+*) };
        let allow = quote!(#[allow(clippy::too_many_arguments, reason = "as many as WIT says")]);
        host.traits.extend(quote!(#docs #allow pub trait #ident #supertraits { #methods }));
        Ok(Some(host))
    }

    fn host_resource(
        &self,
        place: Place,
        wit: &str,
        name: &str,
        id: TypeId,
        functions: &[&'a Function],
    ) -> Result<Host> {
        let krate = &self.options.krate;
        let (ty, host) = (self.type_name(id)?, &self.resource_names(id)?.host);
        let functions = self.functions_of(functions.iter().copied(), Some(id))?;
        // WIT may call a method `drop`, too; the trait's own is what happens to the resource.
        let mut scope = Scope::reserving(&["drop"]);
        let (methods, functions) = self.methods(place, wit, host, &functions, &mut scope)?;
        let docs = docs(&Docs::default(), &format!("What the host does with resources of type `{name}`."));
        let traits = quote! {
            #docs
            #[allow(clippy::too_many_arguments, reason = "as many as WIT says")]
            pub trait #host {
                #methods

                /// A component drops a resource that it owns.
                fn drop(&mut self, resource: #krate::Own<#ty>) -> #krate::macros::names::Result<()>;
            }
        };
        let definitions = quote! {
            if definer.wants(#wit, #name) {
                let ty = #krate::ResourceType::host::<#ty>();
                definer.resource(#wit, #name, ty, |part, rep| #host::drop(part, #krate::Own::new(rep)))?;
            }
            #functions
        };
        Ok(Host { traits, definitions })
    }

    /// Methods of a trait, and their definitions.
    fn methods(
        &self,
        place: Place,
        wit: &str,
        host: &Ident,
        functions: &[&Function],
        scope: &mut Scope,
    ) -> Result<(TokenStream, TokenStream)> {
        let krate = &self.options.krate;
        let (mut methods, mut definitions) = (TokenStream::new(), TokenStream::new());
        for function in functions {
            let name = &function.name;
            let method = scope.snake(rust_name(function));
            let docs = docs(&function.docs, &format!("`{name}`."));
            let (params, types) = self.params(place, function, &["self"], Form::Owned)?;
            let result = self.result(place, function)?;
            methods.extend(quote! {
                #docs
                fn #method(&mut self #(, #params: #types)*) -> #krate::macros::names::Result<#result>;
            });
            // Names of the output, and not WIT's: one of those could be `part`.
            let values: Vec<_> = (0..params.len()).map(|number| format_ident!("value_{}", number)).collect();
            definitions.extend(quote! {
                if definer.wants(#wit, #name) {
                    let method = #krate::Method::new(|part: &mut #krate::Part<'_, __U>, (#(#values,)*): (#(#types,)*)| {
                        #host::#method(part.data_mut() #(, #values)*)
                    });
                    definer.method(#wit, #name, method)?;
                }
            });
        }
        Ok((methods, definitions))
    }

    /// Names and types of parameters.
    pub(super) fn params(
        &self,
        place: Place,
        function: &Function,
        reserved: &[&str],
        form: Form<'_>,
    ) -> Result<(Vec<Ident>, Vec<TokenStream>)> {
        let mut scope = Scope::reserving(reserved);
        let names = function.params.iter().map(|param| scope.snake(&param.name)).collect();
        let types = function.params.iter().map(|param| self.ty(place, &param.ty, form)).collect::<Result<_>>()?;
        Ok((names, types))
    }

    /// The type of a result.
    pub(super) fn result(&self, place: Place, function: &Function) -> Result<TokenStream> {
        function.result.as_ref().map_or_else(|| Ok(quote!(())), |ty| self.ty(place, ty, Form::Owned))
    }

    /// A function that defines something for a linker, on what `part` finds in a store's data.
    pub(super) fn add_to_linker(&self, bounds: &[TokenStream], body: TokenStream) -> TokenStream {
        let krate = &self.options.krate;
        quote! {
            /// Defines it for components whose imports a linker resolves: `part` finds what implements it in a store's data.
            ///
            /// # Errors
            /// If the linker has something of the same name.
            pub fn add_to_linker<__T: 'static, __U: #(#bounds +)* 'static>(
                linker: &mut #krate::ComponentLinker<__T>,
                part: impl Fn(&mut __T) -> &mut __U + Copy + Send + Sync + 'static,
            ) -> #krate::macros::names::Result<()> {
                #body
            }
        }
    }

    /// Tells a linker of definitions.
    pub(super) fn define(&self, definitions: &TokenStream) -> TokenStream {
        let krate = &self.options.krate;
        quote! {
            linker.add_library(
                |definer: &mut dyn #krate::Define<__U>| {
                    #definitions
                    Ok(())
                },
                part,
            )
        }
    }
}

/// What Rust calls a function: its name, without that of a resource.
pub(super) fn rust_name(function: &Function) -> &str {
    match function.kind {
        FunctionKind::Constructor(_) => "new",
        _ => function.item_name(),
    }
}
