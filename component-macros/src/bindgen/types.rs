//! Types of WIT in Rust: what stands for one, borrowed or not, and the definitions of those that have names.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Result;
use wit_parser::{Docs, Handle, Type, TypeDefKind, TypeId};

use super::names::Scope;
use super::world::{Place, Side, TUPLE_MAX, World, docs};
use crate::derive::{CASES_MAX, FLAGS_MAX};

/// What can be done with values of a type, least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Copies {
    /// One that owns a resource of the host exists once.
    Never,
    Clone,
    Copy,
}

/// Whether a parameter of a call is borrowed for a lifetime, which may be left out.
#[derive(Clone, Copy)]
pub(super) enum Form<'a> {
    Owned,
    Borrowed(&'a TokenStream),
}

impl World<'_> {
    /// The type that stands for one of WIT.
    pub(super) fn ty(&self, place: Place, ty: &Type, form: Form<'_>) -> Result<TokenStream> {
        Ok(match (ty, form) {
            (Type::Bool, _) => quote!(bool),
            (Type::U8, _) => quote!(u8),
            (Type::U16, _) => quote!(u16),
            (Type::U32, _) => quote!(u32),
            (Type::U64, _) => quote!(u64),
            (Type::S8, _) => quote!(i8),
            (Type::S16, _) => quote!(i16),
            (Type::S32, _) => quote!(i32),
            (Type::S64, _) => quote!(i64),
            (Type::F32, _) => quote!(f32),
            (Type::F64, _) => quote!(f64),
            (Type::Char, _) => quote!(char),
            (Type::String, Form::Owned) => quote!(::std::string::String),
            (Type::String, Form::Borrowed(lifetime)) => quote!(&#lifetime str),
            (Type::ErrorContext, _) => {
                return Err(syn::Error::new(self.options.span(), "`error-context` is not supported"));
            }
            // What is borrowed is spelled out: with a `&str` in it, it is another type than the one with the name.
            (Type::Id(id), Form::Owned) => match self.resolve.types[*id].name {
                Some(_) => self.named(place, *id)?,
                None => self.shape(place, *id, form)?,
            },
            (Type::Id(id), Form::Borrowed(_)) => self.shape(place, *id, form)?,
        })
    }

    /// A type with a name.
    fn named(&self, place: Place, id: TypeId) -> Result<TokenStream> {
        let owner = self.place_of(self.resolve.types[id].owner, place.side);
        Ok(self.path(place, owner, self.type_name(id)?))
    }

    /// A type by what it is made of, or by its name where that is all.
    fn shape(&self, place: Place, id: TypeId, form: Form<'_>) -> Result<TokenStream> {
        let def = &self.resolve.types[id];
        let optional = |ty: &Option<Type>| ty.as_ref().map_or_else(|| Ok(quote!(())), |ty| self.ty(place, ty, form));
        Ok(match &def.kind {
            TypeDefKind::Record(_) | TypeDefKind::Variant(_) => {
                let path = self.named(place, id)?;
                match form {
                    Form::Borrowed(lifetime) if self.copies(place.side, &Type::Id(id)) < Copies::Copy => {
                        quote!(&#lifetime #path)
                    }
                    _ => path,
                }
            }
            TypeDefKind::Enum(_) | TypeDefKind::Flags(_) | TypeDefKind::Resource => self.named(place, id)?,
            TypeDefKind::Handle(handle) => self.handle(place, *handle, form)?,
            TypeDefKind::Tuple(tuple) if tuple.types.len() > TUPLE_MAX => {
                let message = format!("a tuple of more than {TUPLE_MAX} elements is not supported");
                return Err(self.error(def.span, message));
            }
            TypeDefKind::Tuple(tuple) => {
                let types = tuple.types.iter().map(|ty| self.ty(place, ty, form)).collect::<Result<Vec<_>>>()?;
                quote!((#(#types,)*))
            }
            TypeDefKind::Option(ty) => {
                let ty = self.ty(place, ty, form)?;
                quote!(::core::option::Option<#ty>)
            }
            TypeDefKind::Result(result) => {
                let (ok, err) = (optional(&result.ok)?, optional(&result.err)?);
                quote!(::core::result::Result<#ok, #err>)
            }
            TypeDefKind::List(ty) => {
                // Elements are owned: a slice of borrowed ones could not be taken of a vector that a program has.
                let ty = self.ty(place, ty, Form::Owned)?;
                match form {
                    Form::Owned => quote!(::std::vec::Vec<#ty>),
                    Form::Borrowed(lifetime) => quote!(&#lifetime [#ty]),
                }
            }
            // An alias is looked through where what it stands for is borrowed.
            TypeDefKind::Type(ty) => self.ty(place, ty, form)?,
            TypeDefKind::Map(..)
            | TypeDefKind::FixedLengthList(..)
            | TypeDefKind::Future(_)
            | TypeDefKind::Stream(_)
            | TypeDefKind::Unknown => {
                let kind = def.kind.as_str();
                return Err(self.error(def.span, format!("a {kind} is not supported")));
            }
        })
    }

    /// The resource that a name stands for, and where it is defined.
    fn resource(&self, mut side: Side, mut id: TypeId) -> (Place, TypeId) {
        loop {
            let def = &self.resolve.types[id];
            let place = self.place_of(def.owner, side);
            match def.kind {
                TypeDefKind::Type(Type::Id(other)) => (side, id) = (place.side, other),
                _ => return (place, id),
            }
        }
    }

    fn handle(&self, place: Place, handle: Handle, form: Form<'_>) -> Result<TokenStream> {
        let krate = &self.options.krate;
        let (Handle::Own(id) | Handle::Borrow(id)) = handle;
        let path = self.named(place, id)?;
        Ok(match (self.resource(place.side, id).0.side, handle, form) {
            (Side::Import, Handle::Own(_), _) => quote!(#krate::Own<#path>),
            (Side::Import, Handle::Borrow(_), _) => quote!(#krate::Borrow<#path>),
            (Side::Export, Handle::Borrow(_), Form::Borrowed(lifetime)) => quote!(&#lifetime #krate::GuestOwn<#path>),
            (Side::Export, _, _) => quote!(#krate::GuestOwn<#path>),
        })
    }

    fn copies(&self, side: Side, ty: &Type) -> Copies {
        let id = match ty {
            Type::String => return Copies::Clone,
            Type::Id(id) => *id,
            _ => return Copies::Copy,
        };
        let def = &self.resolve.types[id];
        // A type with a name is where it was defined; one without is where it is used.
        let side = if def.name.is_some() { self.place_of(def.owner, side).side } else { side };
        let least = |types: &mut dyn Iterator<Item = &Type>| {
            types.map(|ty| self.copies(side, ty)).min().unwrap_or(Copies::Copy)
        };
        match &def.kind {
            TypeDefKind::Record(record) => least(&mut record.fields.iter().map(|field| &field.ty)),
            TypeDefKind::Variant(variant) => least(&mut variant.cases.iter().filter_map(|case| case.ty.as_ref())),
            TypeDefKind::Tuple(tuple) => least(&mut tuple.types.iter()),
            TypeDefKind::Result(result) => least(&mut result.ok.iter().chain(&result.err)),
            TypeDefKind::Option(ty) | TypeDefKind::Type(ty) => self.copies(side, ty),
            TypeDefKind::List(ty) => self.copies(side, ty).min(Copies::Clone),
            TypeDefKind::Handle(handle) => {
                let (Handle::Own(id) | Handle::Borrow(id)) = handle;
                match (self.resource(side, *id).0.side, handle) {
                    (Side::Import, Handle::Own(_)) => Copies::Never,
                    (Side::Import, Handle::Borrow(_)) => Copies::Copy,
                    (Side::Export, _) => Copies::Clone,
                }
            }
            TypeDefKind::Enum(_) | TypeDefKind::Flags(_) => Copies::Copy,
            // These are refused where they are written.
            TypeDefKind::Resource
            | TypeDefKind::Map(..)
            | TypeDefKind::FixedLengthList(..)
            | TypeDefKind::Future(_)
            | TypeDefKind::Stream(_)
            | TypeDefKind::Unknown => Copies::Never,
        }
    }

    /// The definition of a type with a name.
    pub(super) fn definition(&self, place: Place, wit: &str, id: TypeId) -> Result<TokenStream> {
        let krate = &self.options.krate;
        let def = &self.resolve.types[id];
        let ident = self.type_name(id)?;
        let docs = |what: &str| docs(&def.docs, &format!("{what} `{wit}`."));
        // As much as all parts allow: a resource of the host is owned once, so what holds one cannot be cloned.
        let derives = match self.copies(place.side, &Type::Id(id)) {
            Copies::Never => quote!(#[derive(Debug, PartialEq)]),
            Copies::Clone => quote!(#[derive(Clone, Debug, PartialEq)]),
            Copies::Copy => quote!(#[derive(Clone, Copy, Debug, PartialEq)]),
        };
        let more = |known: &[&str]| self.additional_derives(wit, known);
        let mut scope = Scope::default();
        Ok(match &def.kind {
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter().map(|field| {
                    let (name, ty) = (scope.snake(&field.name), self.ty(place, &field.ty, Form::Owned)?);
                    Ok(part(&field.docs, &field.name, quote!(pub #name), Some(quote!(: #ty))))
                });
                let (fields, docs) = (fields.collect::<Result<TokenStream>>()?, docs("The record"));
                let more = more(&["Clone", "Copy", "Debug", "PartialEq"]);
                quote!(#krate::record! { #docs #derives #more pub struct #ident { #fields } })
            }
            TypeDefKind::Variant(variant) => {
                self.at_most(id, variant.cases.len(), CASES_MAX, "cases")?;
                let cases = variant.cases.iter().map(|case| {
                    let ty = case.ty.as_ref().map(|ty| self.ty(place, ty, Form::Owned)).transpose()?;
                    Ok(part(&case.docs, &case.name, scope.camel(&case.name), ty.map(|ty| quote!((#ty)))))
                });
                let (cases, docs) = (cases.collect::<Result<TokenStream>>()?, docs("The variant"));
                let more = more(&["Clone", "Copy", "Debug", "PartialEq"]);
                quote!(#krate::variant! { #docs #derives #more pub enum #ident { #cases } })
            }
            TypeDefKind::Enum(cases) => {
                self.at_most(id, cases.cases.len(), CASES_MAX, "cases")?;
                let cases = cases.cases.iter().map(|case| part(&case.docs, &case.name, scope.camel(&case.name), None));
                let (cases, docs) = (cases.collect::<TokenStream>(), docs("The enum"));
                let more = more(&["Clone", "Copy", "Debug", "PartialEq", "Eq"]);
                quote!(#krate::enumeration! { #docs #more pub enum #ident { #cases } })
            }
            TypeDefKind::Flags(flags) => {
                self.at_most(id, flags.flags.len(), FLAGS_MAX, "flags")?;
                let flags = flags.flags.iter().map(|flag| part(&flag.docs, &flag.name, scope.shouty(&flag.name), None));
                let (flags, docs) = (flags.collect::<TokenStream>(), docs("The flags"));
                let more = more(&["Clone", "Copy", "Debug", "Default", "PartialEq", "Eq"]);
                quote!(#krate::flags! { #docs #more pub struct #ident { #flags } })
            }
            TypeDefKind::Resource => {
                let docs = docs("Names the resource");
                quote!(#docs #[derive(Debug)] pub enum #ident {})
            }
            TypeDefKind::Type(ty) => {
                let (ty, docs) = (self.ty(place, ty, Form::Owned)?, docs("The type"));
                quote!(#docs pub type #ident = #ty;)
            }
            _ => {
                let (ty, docs) = (self.shape(place, id, Form::Owned)?, docs("The type"));
                quote!(#docs pub type #ident = #ty;)
            }
        })
    }

    /// The derives that the options ask for, but for those that a type has anyway, as far as its parts allow them.
    fn additional_derives(&self, wit: &str, known: &[&str]) -> TokenStream {
        if self.options.derives_ignore.iter().any(|name| name.value() == wit) {
            return TokenStream::new();
        }
        let is_known = |path: &&syn::Path| known.iter().any(|name| path.is_ident(name));
        let paths: Vec<_> = self.options.derives.iter().filter(|path| !is_known(path)).collect();
        if paths.is_empty() { TokenStream::new() } else { quote!(#[derive(#(#paths),*)]) }
    }

    /// Whether every type that is to be left out is there.
    pub(super) fn check_derives(&self) -> Result<()> {
        let is_there = |name: &str| self.resolve.types.iter().any(|(_, ty)| ty.name.as_deref() == Some(name));
        match self.options.derives_ignore.iter().find(|name| !is_there(&name.value())) {
            None => Ok(()),
            Some(name) => Err(syn::Error::new(name.span(), format!("there is no type `{}`", name.value()))),
        }
    }

    fn at_most(&self, id: TypeId, count: usize, max: usize, what: &str) -> Result<()> {
        match count > max {
            true => Err(self.error(self.resolve.types[id].span, format!("more than {max} {what} are not supported"))),
            false => Ok(()),
        }
    }
}

/// A field, case or flag, with its name in WIT: what it is called in Rust, and of which type it is.
fn part(docs_of: &Docs, wit: &str, name: impl ToTokens, ty: Option<TokenStream>) -> TokenStream {
    let docs = docs(docs_of, &format!("`{wit}`."));
    quote!(#docs #name #ty = #wit,)
}
