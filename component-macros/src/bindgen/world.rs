//! A world of WIT with its names in Rust: which module an interface is in, what types are called, how one place refers to another.

use std::collections::{HashMap, HashSet};

use heck::ToSnakeCase;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Error, Path, Result};
use wit_parser::{
    Docs, Function, FunctionKind, Interface, InterfaceId, Resolve, TypeId, TypeOwner, WorldId, WorldItem, WorldKey,
};

use super::names::Scope;
use super::options::Options;
use super::waits::unversioned;

/// The most parameters of a function and elements of a tuple: tuples of Rust stand for them.
pub(super) const TUPLE_MAX: usize = 15;

/// Whether something is the host's or the component's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Side {
    Import,
    Export,
}

/// Where something is written: the module of an interface, or of the macro if there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) interface: Option<InterfaceId>,
    pub(super) side: Side,
}

impl Place {
    pub(super) const WORLD: Self = Self { interface: None, side: Side::Import };
}

/// Where an interface is in Rust.
pub(super) enum Module {
    /// A module of the output, from where the macro stands.
    Own(Vec<Ident>),
    /// Somewhere else, by this alias beside the macro's modules.
    With(Ident),
}

/// An interface that a world imports or exports.
pub(super) struct Item {
    /// What components call it.
    pub(super) wit: String,
    pub(super) id: InterfaceId,
}

/// The names of what stands for a resource besides its type.
pub(super) struct ResourceNames {
    /// The trait of a host that has such resources.
    pub(super) host: Ident,
    /// The functions of a guest that has such resources.
    pub(super) guest: Ident,
}

pub(super) struct World<'a> {
    pub(super) resolve: &'a Resolve,
    pub(super) options: &'a Options,
    /// What WIT calls the world.
    pub(super) wit: &'a str,
    pub(super) ident: Ident,
    /// The trait for what the world imports without an interface.
    pub(super) imports_ident: Ident,
    pub(super) docs: &'a Docs,
    pub(super) imports: Vec<Item>,
    pub(super) import_functions: Vec<&'a Function>,
    pub(super) types: Vec<(&'a str, TypeId)>,
    pub(super) exports: Vec<Item>,
    pub(super) export_functions: Vec<&'a Function>,
    pub(super) aliases: Vec<(Ident, &'a Path)>,
    modules: HashMap<Place, Module>,
    type_names: HashMap<TypeId, Ident>,
    resource_names: HashMap<TypeId, ResourceNames>,
}

impl<'a> World<'a> {
    pub(super) fn new(options: &'a Options, resolve: &'a Resolve, id: WorldId) -> Result<Self> {
        let world = &resolve.worlds[id];
        let mut scope = Scope::default();
        let ident = scope.camel(&world.name);
        let imports_ident = scope.camel(&format!("{}-imports", world.name));
        let mut this = Self {
            resolve,
            options,
            wit: &world.name,
            ident,
            imports_ident,
            docs: &world.docs,
            imports: Vec::new(),
            import_functions: Vec::new(),
            types: Vec::new(),
            exports: Vec::new(),
            export_functions: Vec::new(),
            aliases: Vec::new(),
            modules: HashMap::new(),
            type_names: HashMap::new(),
            resource_names: HashMap::new(),
        };
        for (key, item) in &world.imports {
            match item {
                WorldItem::Interface { id, .. } => this.imports.push(this.interface(key, item, *id)?),
                WorldItem::Function(function) => this.import_functions.push(function),
                WorldItem::Type { id, .. } => {
                    let WorldKey::Name(name) = key else { return Err(this.error(item.span(), "a type has no name")) };
                    this.types.push((name, *id));
                }
            }
        }
        for (key, item) in &world.exports {
            match item {
                WorldItem::Interface { id, .. } => this.exports.push(this.interface(key, item, *id)?),
                WorldItem::Function(function) => this.export_functions.push(function),
                WorldItem::Type { .. } => return Err(this.error(item.span(), "a world cannot export a type")),
            }
        }
        this.place_modules(&world.imports, Side::Import)?;
        this.place_modules(&world.exports, Side::Export)?;
        this.check_waits()?;
        this.check_derives()?;
        // Last, because a type keeps the names that the modules and the world have taken before it.
        this.name_types(scope);
        Ok(this)
    }

    fn interface(&self, key: &WorldKey, item: &WorldItem, id: InterfaceId) -> Result<Item> {
        if self.resolve.implements_interface(key, item).is_some() {
            return Err(self.error(item.span(), "an interface under another name is not supported"));
        }
        Ok(Item { wit: self.resolve.name_world_key(key), id })
    }

    /// What is wrong with the WIT, and where.
    pub(super) fn error(&self, place: wit_parser::Span, message: impl std::fmt::Display) -> Error {
        let place = self.resolve.render_location(place);
        Error::new(self.options.span(), format!("{message}\n --> {place}"))
    }

    /// Gives each interface of a side a module, or what `with` has for it.
    fn place_modules<'i>(
        &mut self,
        items: impl IntoIterator<Item = (&'i WorldKey, &'i WorldItem)>,
        side: Side,
    ) -> Result<()> {
        let mut modules = Modules::default();
        let mut found = HashSet::new();
        for (key, item) in items {
            let WorldItem::Interface { id, .. } = item else { continue };
            let name = self.resolve.name_world_key(key);
            let unversioned = unversioned(&name);
            let with = self.options.with.iter().enumerate();
            let mut with = with.filter(|(_, (with, _))| [name.as_str(), unversioned].contains(&with.value().as_str()));
            let module = match with.next().filter(|_| side == Side::Import) {
                Some((number, (_, path))) => {
                    found.insert(number);
                    let alias = format_ident!("__{}_with_{}", self.wit.to_snake_case(), number);
                    if self.aliases.iter().all(|(other, _)| *other != alias) {
                        self.aliases.push((alias.clone(), path));
                    }
                    Module::With(alias)
                }
                None => Module::Own(modules.path(self.resolve, key, side)),
            };
            self.modules.insert(Place { interface: Some(*id), side }, module);
        }
        let is_unknown = |(number, _): &(usize, &(syn::LitStr, Path))| side == Side::Import && !found.contains(number);
        match self.options.with.iter().enumerate().find(is_unknown) {
            None => Ok(()),
            Some((_, (name, _))) => {
                Err(Error::new(name.span(), format!("the world imports no interface `{}`", name.value())))
            }
        }
    }

    fn name_types(&mut self, world_scope: Scope) {
        let mut named: HashSet<InterfaceId> = HashSet::new();
        let mut owners = vec![(world_scope, self.types.clone())];
        for Item { id, .. } in self.imports.iter().chain(&self.exports) {
            if named.insert(*id) {
                let types = self.resolve.interfaces[*id].types.iter().map(|(name, id)| (name.as_str(), *id)).collect();
                owners.push((Scope::reserving(&["Host", "Guest"]), types));
            }
        }
        for (mut scope, types) in owners {
            for (name, id) in &types {
                self.type_names.insert(*id, scope.camel(name));
            }
            // After all types, so that these get the underscore where WIT has a type of the same name.
            for (name, id) in types {
                let [host, guest] = ["host", "guest"].map(|prefix| scope.camel(&format!("{prefix}-{name}")));
                self.resource_names.insert(id, ResourceNames { host, guest });
            }
        }
    }

    pub(super) fn interface_of(&self, id: InterfaceId) -> &'a Interface {
        &self.resolve.interfaces[id]
    }

    pub(super) fn type_name(&self, id: TypeId) -> Result<&Ident> {
        let unknown = || self.error(self.resolve.types[id].span, "a type of an interface that is not in the world");
        self.type_names.get(&id).ok_or_else(unknown)
    }

    pub(super) fn resource_names(&self, id: TypeId) -> Result<&ResourceNames> {
        let unknown = || self.error(self.resolve.types[id].span, "a resource of an interface that is not in the world");
        self.resource_names.get(&id).ok_or_else(unknown)
    }

    /// The module of an interface, if it is one of the output.
    pub(super) fn own_module(&self, place: Place) -> Option<&[Ident]> {
        match self.modules.get(&place)? {
            Module::Own(path) => Some(path),
            Module::With(_) => None,
        }
    }

    /// Where the types of an owner are that something on a side refers to: exports see what is exported first.
    pub(super) fn place_of(&self, owner: TypeOwner, side: Side) -> Place {
        let TypeOwner::Interface(id) = owner else { return Place::WORLD };
        let exported = Place { interface: Some(id), side: Side::Export };
        match side == Side::Export && self.modules.contains_key(&exported) {
            true => exported,
            false => Place { interface: Some(id), side: Side::Import },
        }
    }

    /// How a place refers to what is called `ident` in another one.
    pub(super) fn path(&self, from: Place, to: Place, ident: &Ident) -> TokenStream {
        if from == to {
            return quote!(#ident);
        }
        // Relative, because the macro may stand in any module, and that module has no name that is known here.
        let depth = self.own_module(from).map_or(0, <[Ident]>::len);
        let supers = (0..depth).map(|_| quote!(super::));
        let modules = match self.modules.get(&to) {
            Some(Module::Own(path)) => path.as_slice(),
            Some(Module::With(alias)) => std::slice::from_ref(alias),
            None => &[],
        };
        quote!(#(#supers)* #(#modules::)* #ident)
    }

    /// The functions that belong to a resource, or to none; each one is of a kind that can be called here.
    pub(super) fn functions_of(
        &self,
        functions: impl IntoIterator<Item = &'a Function>,
        resource: Option<TypeId>,
    ) -> Result<Vec<&'a Function>> {
        let mut of_it: Vec<&Function> = Vec::new();
        for function in functions {
            let refuse = |why: &str| Err(self.error(function.span, format!("function `{}` {why}", function.name)));
            if function.kind.is_async() {
                return refuse("is async, which is not supported: calls end before they return");
            }
            if function.kind.accessor().is_some() {
                return refuse("is an accessor, which is not supported");
            }
            if function.params.len() > TUPLE_MAX {
                return refuse(&format!(
                    "has more than {TUPLE_MAX} parameters, which is not supported: a record has any number of fields"
                ));
            }
            if function.kind.resource() == resource {
                of_it.push(function);
            }
        }
        // Its name is given first.
        of_it.sort_by_key(|function| !matches!(function.kind, FunctionKind::Constructor(_)));
        Ok(of_it)
    }
}

/// Lines of documentation, or this one if there are none.
pub(super) fn docs(docs: &Docs, otherwise: &str) -> TokenStream {
    let text = docs.contents.as_deref().unwrap_or(otherwise);
    let lines = text.lines().map(|line| format!(" {line}"));
    quote!(#(#[doc = #lines])*)
}

/// The names of modules, which are given out in each module by itself.
#[derive(Default)]
struct Modules {
    scopes: HashMap<Vec<Ident>, Scope>,
    /// By what a module is for.
    names: HashMap<Vec<String>, Ident>,
}

impl Modules {
    /// The modules of an interface, from where the macro stands.
    fn path(&mut self, resolve: &Resolve, key: &WorldKey, side: Side) -> Vec<Ident> {
        let (mut path, mut keys) = match side {
            Side::Import => (Vec::new(), Vec::new()),
            Side::Export => (vec![Ident::new("exports", Span::call_site())], vec!["exports".to_owned()]),
        };
        for (wit, what) in steps(resolve, key) {
            keys.push(what);
            let ident = match self.names.get(&keys) {
                Some(ident) => ident.clone(),
                None => {
                    let reserved: &[&str] = if path.is_empty() { &["exports"] } else { &[] };
                    self.scopes.entry(path.clone()).or_insert_with(|| Scope::reserving(reserved)).snake(&wit)
                }
            };
            self.names.insert(keys.clone(), ident.clone());
            path.push(ident);
        }
        path
    }
}

/// From the outermost module to the interface's: a name, and what it is for.
fn steps(resolve: &Resolve, key: &WorldKey) -> Vec<(String, String)> {
    let inline = |name: &str| vec![(name.to_owned(), format!("interface {name}"))];
    let id = match key {
        WorldKey::Name(name) => return inline(name),
        WorldKey::Interface(id) => *id,
    };
    let interface = &resolve.interfaces[id];
    let (Some(name), Some(package)) = (&interface.name, interface.package) else { return inline("interface") };
    let package = &resolve.packages[package].name;
    let is_same =
        |other: &&wit_parser::PackageName| (&other.namespace, &other.name) == (&package.namespace, &package.name);
    // A version is a part of the path only where there are several: otherwise a new one would change every program's paths.
    let versions = resolve.package_names.keys().filter(is_same).count();
    let package_name = match &package.version {
        Some(version) if versions > 1 => format!("{}-{version}", package.name),
        _ => package.name.clone(),
    };
    vec![
        (package.namespace.clone(), format!("namespace {}", package.namespace)),
        (package_name.clone(), package_name),
        (name.clone(), name.clone()),
    ]
}
