//! Which functions of a world are async in Rust: of imports the host's may wait, of exports the calls.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitBool, LitStr, Result, Token, braced};

use wit_parser::{Resolve, TypeDefKind, TypeId};

use super::world::{Item, Place, Side, World};

/// What the options say of one side.
#[derive(Default)]
pub(super) struct Waits {
    /// What `default: ...` says.
    default: Option<bool>,
    /// What is said of interfaces and functions.
    rules: Vec<(LitStr, bool)>,
}

impl Waits {
    /// `{ default: async, "ns:package/interface": async, "ns:package/interface#function": sync }`.
    pub(super) fn parse(&mut self, input: ParseStream<'_>) -> Result<()> {
        let content;
        braced!(content in input);
        while !content.is_empty() {
            if content.peek(LitStr) {
                let name: LitStr = content.parse()?;
                if self.rules.iter().any(|(other, _)| other.value() == name.value()) {
                    return Err(twice(name.span(), &name.value()));
                }
                content.parse::<Token![:]>()?;
                self.rules.push((name, flags(&content)?));
            } else {
                let name = content.call(Ident::parse_any)?;
                if name != "default" {
                    let message =
                        format!("`{name}` is neither `default` nor the name of an interface or function in quotes");
                    return Err(Error::new(name.span(), message));
                }
                content.parse::<Token![:]>()?;
                if self.default.replace(flags(&content)?).is_some() {
                    return Err(twice(name.span(), "default"));
                }
            }
            if !content.is_empty() {
                content.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }
}

/// `true` or `false`, for both sides.
pub(super) fn for_both(input: ParseStream<'_>) -> Result<LitBool> {
    let message = "`async` is `true` or `false`; `imports: { ... }` and `exports: { ... }` say which functions";
    input.parse().map_err(|error: Error| Error::new(error.span(), message))
}

/// Words between `|`: whether a function is async.
fn flags(input: ParseStream<'_>) -> Result<bool> {
    let words = Punctuated::<Ident, Token![|]>::parse_separated_nonempty_with(input, Ident::parse_any)?;
    let (mut is_async, mut is_sync) = (None, None);
    for word in words {
        match word.to_string().as_str() {
            "async" => is_async = Some(word),
            "sync" => is_sync = Some(word),
            // Every function of a host may end the guest by an error.
            "trappable" => {}
            other => {
                let message =
                    format!("`{other}` is not supported: a function is `async`, `sync` or `trappable`, which all are");
                return Err(Error::new(word.span(), message));
            }
        }
    }
    match (is_async, is_sync) {
        (Some(_), Some(word)) => Err(Error::new(word.span(), "a function is either `async` or `sync`")),
        (is_async, _) => Ok(is_async.is_some()),
    }
}

pub(super) fn twice(span: Span, name: &str) -> Error {
    Error::new(span, format!("`{name}` is there twice"))
}

/// Whether a rule is about a function, or about all of an interface if there is none. Versions may be left out, and `.` stands for `#`, too.
fn is_about(rule: &str, interface: &str, function: Option<&str>) -> bool {
    let Some(function) = function.filter(|_| !interface.is_empty()) else {
        return rule == function.unwrap_or(interface) || rule == unversioned(interface) && !rule.is_empty();
    };
    let Some(interface_of_rule) = rule.strip_suffix(function).and_then(|rest| rest.strip_suffix(['#', '.'])) else {
        return false;
    };
    [interface, unversioned(interface)].contains(&interface_of_rule)
}

pub(super) fn unversioned(interface: &str) -> &str {
    interface.split_once('@').map_or(interface, |(name, _)| name)
}

impl World<'_> {
    fn waits(&self, side: Side) -> &Waits {
        match side {
            Side::Import => &self.options.imports,
            Side::Export => &self.options.exports,
        }
    }

    /// Whether a function is async in Rust: what is said of it, of its interface, of its side, of the world.
    pub(super) fn is_async(&self, side: Side, interface: &str, function: &str) -> bool {
        let Waits { default, rules } = self.waits(side);
        let find = |function| rules.iter().find(|(rule, _)| is_about(&rule.value(), interface, function));
        let rule = find(Some(function)).or_else(|| find(None).filter(|_| !interface.is_empty()));
        rule.map(|(_, is_async)| *is_async)
            .or(*default)
            .unwrap_or_else(|| self.options.is_async.as_ref().is_some_and(LitBool::value))
    }

    /// Whether the end of a resource of the host is async: if that is said of itself. Guests drop handles where they cannot wait, too, so this comes with nothing
    /// else.
    pub(super) fn is_drop_async(&self, interface: &str, resource: &str) -> bool {
        let (drop, rules) = (drop_of(resource), &self.options.imports.rules);
        rules.iter().any(|(rule, is_async)| *is_async && is_about(&rule.value(), interface, Some(&drop)))
    }

    /// Whether every rule is about something.
    pub(super) fn check_waits(&self) -> Result<()> {
        for side in [Side::Import, Side::Export] {
            for (rule, _) in &self.waits(side).rules {
                self.check_rule(side, rule)?;
            }
        }
        Ok(())
    }

    fn check_rule(&self, side: Side, rule: &LitStr) -> Result<()> {
        let (items, functions, verb) = match side {
            Side::Import => (&self.imports, &self.import_functions, "imports"),
            Side::Export => (&self.exports, &self.export_functions, "exports"),
        };
        let (name, refuse) = (rule.value(), |why: String| Err(Error::new(rule.span(), why)));
        let drops = drops_of(self.resolve, self.types.iter().copied(), side);
        let own: Vec<_> = functions.iter().map(|function| function.name.clone()).chain(drops).collect();
        if own.iter().any(|function| is_about(&name, "", Some(function))) {
            return Ok(());
        }
        let functions_of = |item: &Item| {
            let interface = self.interface_of(item.id);
            let types = interface.types.iter().map(|(name, id)| (name.as_str(), *id));
            interface.functions.keys().cloned().chain(drops_of(self.resolve, types, side))
        };
        for item in items {
            let Item { wit, id } = item;
            let mut is_about_it = is_about(&name, wit, None);
            is_about_it |= functions_of(item).any(|function| is_about(&name, wit, Some(&function)));
            if is_about_it && self.own_module(Place { interface: Some(*id), side }).is_none() {
                return refuse(format!("`{wit}` is defined elsewhere, as `with` says"));
            }
            if is_about_it {
                return Ok(());
            }
        }
        // After all of them: an interface may be there in several versions.
        let begins_with =
            |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(['#', '.', '/']));
        if let Some(item) = items.iter().find(|item| begins_with(&item.wit) || begins_with(unversioned(&item.wit))) {
            if side == Side::Export && name.contains("[drop]") {
                return refuse(
                    "a resource of a component is ended by `GuestOwn::drop` and `GuestOwn::drop_async`".to_owned(),
                );
            }
            return refuse(format!("`{}` has no such function: {}", item.wit, listed(functions_of(item))));
        }
        let names = own.into_iter().chain(items.iter().map(|item| item.wit.clone()));
        refuse(format!("the world {verb} no `{name}`: {}", listed(names)))
    }
}

/// What ends resources of the host, as functions are called.
fn drops_of<'t>(
    resolve: &Resolve,
    types: impl Iterator<Item = (&'t str, TypeId)>,
    side: Side,
) -> impl Iterator<Item = String> {
    let is_resource = move |id: TypeId| side == Side::Import && matches!(resolve.types[id].kind, TypeDefKind::Resource);
    types.filter(move |(_, id)| is_resource(*id)).map(|(name, _)| drop_of(name))
}

/// What is said of a resource to say it of what ends it.
fn drop_of(resource: &str) -> String {
    format!("[drop]{resource}")
}

fn listed(names: impl Iterator<Item = String>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "there is nothing".to_owned() } else { format!("there is {}", names.join(", ")) }
}
