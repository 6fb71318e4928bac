//! What a world imports: traits that the host implements, and functions that tell a linker of them.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::Result;
use wit_parser::{Docs, Function, FunctionKind, TypeDefKind, TypeId};

use super::names::Scope;
use super::types::Form;
use super::world::{Place, Side, World, docs};

/// A trait, and the statements that define its functions for a linker.
#[derive(Default)]
pub(super) struct Host {
    pub(super) traits: TokenStream,
    /// Those of a library: functions on what `part` finds, whatever else a store has.
    definitions: TokenStream,
    /// Those of functions that are async, for the linker of a kind of stores.
    waiting: TokenStream,
}

/// How a linker is told of something.
#[derive(Default)]
pub(super) struct Linking {
    pub(super) statements: TokenStream,
    /// Whether a function is async, so that a store's data have to be `Send`.
    pub(super) waits: bool,
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
            host.waiting.extend(resource.waiting);
            supertraits.push(&self.resource_names(id)?.host);
        }
        let functions = self.functions_of(functions, None)?;
        if functions.is_empty() && supertraits.is_empty() {
            return Ok(None);
        }
        let Host { traits: methods, definitions, waiting } =
            self.methods(place, wit, ident, &functions, &mut Scope::default())?;
        host.definitions.extend(definitions);
        host.waiting.extend(waiting);
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
        let Host { traits: methods, definitions: functions, mut waiting } =
            self.methods(place, wit, host, &functions, &mut scope)?;
        let docs = docs(&Docs::default(), &format!("What the host does with resources of type `{name}`."));
        let is_async = self.is_drop_async(wit, name);
        let result = self.host_result(&quote!(()), is_async);
        let traits = quote! {
            #docs
            #[allow(clippy::too_many_arguments, reason = "as many as WIT says")]
            pub trait #host {
                #methods

                /// A component drops a resource that it owns.
                fn drop(&mut self, resource: #krate::Own<#ty>) -> #result;
            }
        };
        if is_async {
            waiting.extend(quote! {
                linker.instance(#wit).resource_async(#name, #krate::ResourceType::host::<#ty>(), move |caller, rep| {
                    ::std::boxed::Box::new(#host::drop(part(caller.data_mut()), #krate::Own::new(rep)))
                })?;
            });
            return Ok(Host { traits, definitions: functions, waiting });
        }
        let definitions = quote! {
            if definer.wants(#wit, #name) {
                let ty = #krate::ResourceType::host::<#ty>();
                definer.resource(#wit, #name, ty, |part, rep| #host::drop(part, #krate::Own::new(rep)))?;
            }
            #functions
        };
        Ok(Host { traits, definitions, waiting })
    }

    /// What a function of a trait returns.
    fn host_result(&self, result: &TokenStream, is_async: bool) -> TokenStream {
        let krate = &self.options.krate;
        let result = quote!(#krate::macros::names::Result<#result>);
        match is_async {
            true => quote!(impl ::core::future::Future<Output = #result> + ::core::marker::Send),
            false => result,
        }
    }

    /// Methods of a trait, and their definitions.
    fn methods(
        &self,
        place: Place,
        wit: &str,
        host: &Ident,
        functions: &[&Function],
        scope: &mut Scope,
    ) -> Result<Host> {
        let krate = &self.options.krate;
        let mut output = Host::default();
        for function in functions {
            let name = &function.name;
            let method = scope.snake(rust_name(function));
            let docs = docs(&function.docs, &format!("`{name}`."));
            let (params, types) = self.params(place, function, &["self"], Form::Owned)?;
            let result = self.result(place, function)?;
            let is_async = self.is_async(Side::Import, wit, name);
            let result = self.host_result(&result, is_async);
            output.traits.extend(quote! {
                #docs
                fn #method(&mut self #(, #params: #types)*) -> #result;
            });
            // Names of the output, and not WIT's: one of those could be `part`.
            let values: Vec<_> = (0..params.len()).map(|number| format_ident!("value_{}", number)).collect();
            if is_async {
                output.waiting.extend(quote! {
                    linker.instance(#wit).func_wrap_async(#name, move |caller, (#(#values,)*): (#(#types,)*)| {
                        ::std::boxed::Box::new(#host::#method(part(caller.data_mut()) #(, #values)*))
                    })?;
                });
                continue;
            }
            output.definitions.extend(quote! {
                if definer.wants(#wit, #name) {
                    let method = #krate::Method::new(|part: &mut #krate::Part<'_, __U>, (#(#values,)*): (#(#types,)*)| {
                        #host::#method(part.data_mut() #(, #values)*)
                    });
                    definer.method(#wit, #name, method)?;
                }
            });
        }
        Ok(output)
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
    pub(super) fn add_to_linker(&self, bounds: &[TokenStream], linking: &Linking) -> TokenStream {
        let krate = &self.options.krate;
        let Linking { statements, waits } = linking;
        let send = if *waits { quote!(::core::marker::Send+) } else { quote!() };
        quote! {
            /// Defines it for components whose imports a linker resolves: `part` finds what implements it in a store's data.
            ///
            /// # Errors
            /// If the linker has something of the same name.
            pub fn add_to_linker<__T: #send 'static, __U: #(#bounds +)* 'static>(
                linker: &mut #krate::ComponentLinker<__T>,
                part: impl ::core::ops::Fn(&mut __T) -> &mut __U + ::core::marker::Copy + ::core::marker::Send + ::core::marker::Sync + 'static,
            ) -> #krate::macros::names::Result<()> {
                #statements
                Ok(())
            }
        }
    }

    /// Tells a linker of what is defined.
    pub(super) fn linking(&self, Host { definitions, waiting, .. }: &Host) -> Linking {
        let krate = &self.options.krate;
        let library = (!definitions.is_empty()).then(|| {
            quote! {
                linker.add_library(
                    |definer: &mut dyn #krate::Define<__U>| {
                        #definitions
                        Ok(())
                    },
                    part,
                )?;
            }
        });
        Linking { statements: quote!(#library #waiting), waits: !waiting.is_empty() }
    }
}

/// What Rust calls a function: its name, without that of a resource.
pub(super) fn rust_name(function: &Function) -> &str {
    match function.kind {
        FunctionKind::Constructor(_) => "new",
        _ => function.item_name(),
    }
}
