//! Derives: the names and types of a Rust type's parts, handed to the declarative macros of `wasmer-component`.

use heck::ToKebabCase;
use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{Attribute, Data, DeriveInput, Error, Fields, Ident, LitStr, Path, Result, Type, parse_quote};

/// The most cases of a variant or an enum: one byte tells them apart.
pub(crate) const CASES_MAX: usize = 256;
/// The most flags: they are one core value.
pub(crate) const FLAGS_MAX: usize = 32;

/// What `#[component(...)]` says of a type or a part.
#[derive(Default)]
struct Options {
    name: Option<LitStr>,
    krate: Option<Path>,
}

impl Options {
    fn of(attributes: &[Attribute]) -> Result<Self> {
        let mut options = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("component")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("name") {
                    options.name = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("crate") {
                    options.krate = Some(meta.value()?.parse()?);
                } else {
                    return Err(meta.error("unknown option: a part has `name = \"...\"`, a type `crate = path`"));
                }
                Ok(())
            })?;
        }
        Ok(options)
    }
}

/// The type that a derive is for, which has no parameters.
struct Item {
    input: DeriveInput,
    krate: Path,
}

impl Item {
    fn parse(input: TokenStream) -> Result<Self> {
        let input: DeriveInput = syn::parse2(input)?;
        if let Some(parameter) = input.generics.params.first() {
            return Err(Error::new_spanned(parameter, "types of components have no parameters"));
        }
        let Options { name, krate } = Options::of(&input.attrs)?;
        if let Some(name) = name {
            // Types of components are compared by their structure.
            return Err(Error::new(name.span(), "the name of a type is not looked at: those of its parts are"));
        }
        let krate = krate.unwrap_or_else(|| parse_quote!(::wasmer_runtime::component));
        Ok(Self { input, krate })
    }

    /// The fields of a struct: name, type, and the name in WIT.
    fn fields(&self) -> Result<Vec<(&Ident, &Type, String)>> {
        let error = || Error::new(self.input.ident.span(), "a struct with named fields is needed");
        let Data::Struct(data) = &self.input.data else { return Err(error()) };
        let Fields::Named(fields) = &data.fields else { return Err(error()) };
        let part = |field: &'_ syn::Field| wit_name(&field.attrs, field.ident.as_ref().ok_or_else(error)?);
        let fields =
            fields.named.iter().map(|field| Ok((field.ident.as_ref().ok_or_else(error)?, &field.ty, part(field)?)));
        let fields = fields.collect::<Result<Vec<_>>>()?;
        if fields.is_empty() { Err(error()) } else { Ok(fields) }
    }

    /// The cases of an enum: name, value, and the name in WIT.
    fn cases(&self) -> Result<Vec<(&Ident, Option<&Type>, String)>> {
        let Data::Enum(data) = &self.input.data else {
            return Err(Error::new(self.input.ident.span(), "an enum is needed"));
        };
        if data.variants.is_empty() || data.variants.len() > CASES_MAX {
            return Err(Error::new(self.input.ident.span(), format!("an enum has between 1 and {CASES_MAX} cases")));
        }
        let case = |variant: &'_ syn::Variant| wit_name(&variant.attrs, &variant.ident);
        data.variants.iter().map(|variant| Ok((&variant.ident, payload(variant)?, case(variant)?))).collect()
    }
}

/// The value of a case.
fn payload(variant: &syn::Variant) -> Result<Option<&Type>> {
    if let Some((_, number)) = &variant.discriminant {
        return Err(Error::new_spanned(number, "cases are numbered by their order"));
    }
    match &variant.fields {
        Fields::Unit => Ok(None),
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => Ok(fields.unnamed.first().map(|field| &field.ty)),
        fields => Err(Error::new_spanned(fields, "a case has one value or none: a tuple or a record for several")),
    }
}

/// What a part is called in WIT.
fn wit_name(attributes: &[Attribute], ident: &Ident) -> Result<String> {
    let Options { name, krate } = Options::of(attributes)?;
    if let Some(krate) = krate {
        return Err(Error::new_spanned(krate, "`crate` stands on the type"));
    }
    Ok(name.map_or_else(|| ident.unraw().to_string().to_kebab_case(), |name| name.value()))
}

/// `#[derive(Record)]`.
pub(crate) fn record(input: TokenStream) -> Result<TokenStream> {
    let item = Item::parse(input)?;
    let fields = item.fields()?.into_iter().map(|(name, ty, wit)| quote!(#name: #ty = #wit,));
    let (krate, ident) = (&item.krate, &item.input.ident);
    Ok(quote!(#krate::record!(@impl #ident { #(#fields)* });))
}

/// `#[derive(Variant)]`.
pub(crate) fn variant(input: TokenStream) -> Result<TokenStream> {
    let item = Item::parse(input)?;
    let cases = item.cases()?.into_iter().map(|(name, ty, wit)| {
        let ty = ty.map(|ty| quote!((#ty)));
        quote!(#name #ty = #wit,)
    });
    let (krate, ident) = (&item.krate, &item.input.ident);
    Ok(quote!(#krate::variant!(@impl #ident { #(#cases)* });))
}

/// `#[derive(Enumeration)]`.
pub(crate) fn enumeration(input: TokenStream) -> Result<TokenStream> {
    let item = Item::parse(input)?;
    let cases = item.cases()?;
    if let Some(ty) = cases.iter().find_map(|(_, ty, _)| *ty) {
        return Err(Error::new_spanned(ty, "cases of an enumeration have no values: derive `Variant` for those"));
    }
    let cases = cases.into_iter().map(|(name, _, wit)| quote!(#name = #wit,));
    let (krate, ident) = (&item.krate, &item.input.ident);
    Ok(quote!(#krate::enumeration!(@impl #ident { #(#cases)* });))
}

/// `#[derive(Flags)]`.
pub(crate) fn flags(input: TokenStream) -> Result<TokenStream> {
    let item = Item::parse(input)?;
    let fields = item.fields()?;
    if fields.len() > FLAGS_MAX {
        return Err(Error::new(item.input.ident.span(), format!("there are at most {FLAGS_MAX} flags")));
    }
    let bool: Type = parse_quote!(bool);
    if let Some((_, ty, _)) = fields.iter().find(|(_, ty, _)| **ty != bool) {
        return Err(Error::new_spanned(ty, "flags are fields of type `bool`"));
    }
    let (krate, ident) = (&item.krate, &item.input.ident);
    let names: Vec<_> = fields.iter().map(|(name, ..)| name).collect();
    let wit = fields.iter().map(|(.., wit)| wit);
    // The first flag is the lowest bit (canonical ABI, `pack_flags_into_int`).
    let bit = 0..fields.len() as u32;
    let bits = bit.clone();
    Ok(quote! {
        #krate::flags!(@impl #ident { #(#wit,)* }
            |bits| #ident { #(#names: bits >> #bit & 1 == 1,)* },
            |value| 0 #(| u32::from(value.#names) << #bits)*);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_wit_unless_others_are_given() {
        let item = quote! {
            #[component(crate = other)]
            struct Point { x: i32, r#type: u8, #[component(name = "drawn-by")] author: String, half_open: bool }
        };
        let fields = r#"{ x : i32 = "x" , r#type : u8 = "type" , author : String = "drawn-by" , half_open : bool = "half-open" , }"#;
        assert_eq!(record(item).unwrap().to_string(), format!("other :: record ! (@ impl Point {fields}) ;"));
        let item = quote!(
            enum Start {
                Beginning,
                AtByte(u64),
            }
        );
        let cases = r#"{ Beginning = "beginning" , AtByte (u64) = "at-byte" , }"#;
        let path = ":: wasmer_runtime :: component";
        assert_eq!(variant(item).unwrap().to_string(), format!("{path} :: variant ! (@ impl Start {cases}) ;"));
    }

    #[test]
    fn types_that_do_not_fit_are_refused() {
        let many_flags = format!("struct F {{ {} }}", (0..33).map(|n| format!("f{n}: bool,")).collect::<String>());
        let many_cases = format!("enum E {{ {} }}", (0..257).map(|n| format!("C{n},")).collect::<String>());
        type Derive = fn(TokenStream) -> Result<TokenStream>;
        let refusals: [(Derive, &str, &str); 16] = [
            (record, "struct Tuple(u8);", "named fields"),
            (record, "struct Empty {}", "named fields"),
            (record, "enum E { A }", "named fields"),
            (record, "struct S<T> { t: T }", "have no parameters"),
            (record, "#[component(name = \"s\")] struct S { t: u8 }", "name of a type"),
            (record, "struct S { #[component(crate = a)] t: u8 }", "`crate` stands on the type"),
            (record, "struct S { #[component(rename = \"a\")] t: u8 }", "unknown option"),
            (variant, "struct S { t: u8 }", "an enum is needed"),
            (variant, "enum E { A(u8, u8) }", "one value or none"),
            (variant, "enum E { A { b: u8 } }", "one value or none"),
            (variant, "enum E {}", "between 1 and 256"),
            (enumeration, &many_cases, "between 1 and 256"),
            (enumeration, "enum E { A = 2 }", "numbered by their order"),
            (enumeration, "enum E { A(u8) }", "derive `Variant`"),
            (flags, "struct F { a: u8 }", "of type `bool`"),
            (flags, &many_flags, "at most 32"),
        ];
        for (derive, item, message) in refusals {
            let error = derive(item.parse().unwrap()).unwrap_err().to_string();
            assert!(error.contains(message), "{item}: {error}");
        }
    }
}
