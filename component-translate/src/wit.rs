//! The interfaces of a component as WIT text.

use std::collections::HashMap;
use std::fmt::Write;

use crate::info::*;

/// A printer of types. Types and resources that an interface declares are written by name.
pub struct Printer<'a> {
    info: &'a ComponentInfo,
    defs: HashMap<DefIdx, &'a str>,
    resources: HashMap<HandleIdx, &'a str>,
}

impl<'a> Printer<'a> {
    /// A printer for what stands in no interface.
    pub fn new(info: &'a ComponentInfo) -> Self {
        Self { info, defs: HashMap::new(), resources: HashMap::new() }
    }

    /// A printer for what stands in an interface. Resources of other interfaces have names, too.
    pub fn of(info: &'a ComponentInfo, interface: &'a Interface) -> Self {
        let mut printer = Self::new(info);
        for other in info.interfaces.iter().chain([interface]) {
            for Item { name, kind } in &other.items {
                if let ItemKind::Resource(handle) = kind {
                    printer.resources.insert(*handle, name);
                }
            }
        }
        for Item { name, kind } in &interface.items {
            if let ItemKind::Type(Type::Def(def)) = kind {
                printer.defs.entry(*def).or_insert(name);
            }
        }
        printer
    }

    /// A type.
    pub fn ty(&self, ty: Type) -> String {
        let name = |handle| self.resources.get(&handle).copied().unwrap_or("resource");
        match ty {
            Type::Bool => "bool".to_owned(),
            Type::S8 => "s8".to_owned(),
            Type::U8 => "u8".to_owned(),
            Type::S16 => "s16".to_owned(),
            Type::U16 => "u16".to_owned(),
            Type::S32 => "s32".to_owned(),
            Type::U32 => "u32".to_owned(),
            Type::S64 => "s64".to_owned(),
            Type::U64 => "u64".to_owned(),
            Type::F32 => "f32".to_owned(),
            Type::F64 => "f64".to_owned(),
            Type::Char => "char".to_owned(),
            Type::String => "string".to_owned(),
            Type::Own(handle) => name(handle).to_owned(),
            Type::Borrow(handle) => format!("borrow<{}>", name(handle)),
            Type::Def(def) => match self.defs.get(&def) {
                Some(name) => (*name).to_owned(),
                None => self.def(def),
            },
        }
    }

    fn def(&self, index: DefIdx) -> String {
        let list = |types: &[Type]| types.iter().map(|ty| self.ty(*ty)).collect::<Vec<_>>().join(", ");
        match &self.info.types.def(index).kind {
            DefKind::List(element) => format!("list<{}>", self.ty(*element)),
            DefKind::Option(ty) => format!("option<{}>", self.ty(*ty)),
            DefKind::Tuple(types) => format!("tuple<{}>", list(types)),
            DefKind::Result(None, None) => "result".to_owned(),
            DefKind::Result(Some(ok), None) => format!("result<{}>", self.ty(*ok)),
            DefKind::Result(ok, Some(err)) => {
                let ok = ok.map_or_else(|| "_".to_owned(), |ty| self.ty(ty));
                format!("result<{ok}, {}>", self.ty(*err))
            }
            DefKind::Record(fields) => {
                let fields: Vec<_> =
                    fields.iter().map(|field| format!("{}: {}", field.name, self.ty(field.ty))).collect();
                format!("record {{ {} }}", fields.join(", "))
            }
            DefKind::Variant(cases) => {
                let cases: Vec<_> = cases.iter().map(|case| self.case(case)).collect();
                format!("variant {{ {} }}", cases.join(", "))
            }
            DefKind::Enum(names) => format!("enum {{ {} }}", names.join(", ")),
            DefKind::Flags(names) => format!("flags {{ {} }}", names.join(", ")),
        }
    }

    fn case(&self, case: &Case) -> String {
        match case.ty {
            Some(ty) => format!("{}({})", case.name, self.ty(ty)),
            None => case.name.clone(),
        }
    }

    /// A function type: `func(a: u32) -> string`. The first `skipped` parameters are left out.
    fn func_from(&self, index: FuncIdx, skipped: usize) -> String {
        let ty = self.info.types.func(index);
        let params = self.info.types.params(ty).iter().zip(&ty.names).skip(skipped);
        let params: Vec<_> = params.map(|(ty, name)| format!("{name}: {}", self.ty(*ty))).collect();
        let result = ty.result.map(|ty| format!(" -> {}", self.ty(ty))).unwrap_or_default();
        format!("func({}){result}", params.join(", "))
    }

    /// A function type: `func(a: u32) -> string`.
    pub fn func(&self, index: FuncIdx) -> String {
        self.func_from(index, 0)
    }

    fn declaration(&self, name: &str, ty: Type, indent: &str) -> String {
        let Type::Def(index) = ty else { return format!("{indent}type {name} = {};\n", self.ty(ty)) };
        if self.defs.get(&index).is_some_and(|first| *first != name) {
            return format!("{indent}type {name} = {};\n", self.ty(ty));
        }
        let lines: (&str, Vec<String>) = match &self.info.types.def(index).kind {
            DefKind::Record(fields) => {
                ("record", fields.iter().map(|field| format!("{}: {}", field.name, self.ty(field.ty))).collect())
            }
            DefKind::Variant(cases) => ("variant", cases.iter().map(|case| self.case(case)).collect()),
            DefKind::Enum(names) => ("enum", names.clone()),
            DefKind::Flags(names) => ("flags", names.clone()),
            DefKind::List(_) | DefKind::Tuple(_) | DefKind::Option(_) | DefKind::Result(..) => {
                return format!("{indent}type {name} = {};\n", self.def(index));
            }
        };
        let (keyword, lines) = lines;
        let lines: String = lines.iter().map(|line| format!("{indent}  {line},\n")).collect();
        format!("{indent}{keyword} {name} {{\n{lines}{indent}}}\n")
    }
}

/// The world of a component: every interface that it imports or exports.
pub fn world(info: &ComponentInfo) -> String {
    let mut text = "world root {\n".to_owned();
    for interface in &info.interfaces {
        print_interface(info, interface, &mut text);
    }
    text.push_str("}\n");
    text
}

fn print_interface(info: &ComponentInfo, interface: &Interface, text: &mut String) {
    let printer = Printer::of(info, interface);
    let keyword = if interface.is_import { "import" } else { "export" };
    if interface.name.is_empty() {
        for item in &interface.items {
            match item.kind {
                ItemKind::Func(func) => {
                    let _ = writeln!(text, "  {keyword} {}: {};", item.name, printer.func(func));
                }
                ItemKind::Type(ty) => text.push_str(&printer.declaration(&item.name, ty, "  ")),
                ItemKind::Resource(_) => {
                    let _ = writeln!(text, "  {keyword} {}: resource;", item.name);
                }
                ItemKind::Other => {
                    let _ = writeln!(text, "  // {keyword} {}, which WIT has no words for", item.name);
                }
            }
        }
        return;
    }
    let _ = writeln!(text, "  {keyword} {}: interface {{", interface.name);
    for item in &interface.items {
        print_item(&printer, interface, item, text);
    }
    text.push_str("  }\n");
}

fn print_item(printer: &Printer<'_>, interface: &Interface, item: &Item, text: &mut String) {
    match item.kind {
        ItemKind::Type(ty) => text.push_str(&printer.declaration(&item.name, ty, "    ")),
        ItemKind::Resource(_) => print_resource(printer, interface, &item.name, text),
        // Methods stand with their resource.
        ItemKind::Func(_) if method_of(&item.name).is_some() => {}
        ItemKind::Func(func) => {
            let _ = writeln!(text, "    {}: {};", item.name, printer.func(func));
        }
        ItemKind::Other => {
            let _ = writeln!(text, "    // {}, which WIT has no words for", item.name);
        }
    }
}

fn print_resource(printer: &Printer<'_>, interface: &Interface, resource: &str, text: &mut String) {
    let mut methods = String::new();
    for item in &interface.items {
        let (ItemKind::Func(func), Some((kind, owner, name))) = (&item.kind, method_of(&item.name)) else { continue };
        if owner != resource {
            continue;
        }
        let _ = match kind {
            MethodKind::Constructor => {
                let text = printer.func(*func);
                let params = text.split(" -> ").next().unwrap_or_default().trim_start_matches("func");
                writeln!(methods, "      constructor{params};")
            }
            MethodKind::Static => writeln!(methods, "      {name}: static {};", printer.func(*func)),
            MethodKind::Method => writeln!(methods, "      {name}: {};", printer.func_from(*func, 1)),
        };
    }
    if methods.is_empty() {
        let _ = writeln!(text, "    resource {resource};");
    } else {
        let _ = writeln!(text, "    resource {resource} {{\n{methods}    }}");
    }
}

enum MethodKind {
    Constructor,
    Method,
    Static,
}

/// `[method]descriptor.read` is a method of `descriptor`.
fn method_of(name: &str) -> Option<(MethodKind, &str, &str)> {
    if let Some(owner) = name.strip_prefix("[constructor]") {
        return Some((MethodKind::Constructor, owner, ""));
    }
    let (kind, rest) = match name.strip_prefix("[method]") {
        Some(rest) => (MethodKind::Method, rest),
        None => (MethodKind::Static, name.strip_prefix("[static]")?),
    };
    let (owner, name) = rest.split_once('.')?;
    Some((kind, owner, name))
}
