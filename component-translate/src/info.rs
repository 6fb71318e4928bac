//! What is known of a component besides its code: flat lists that name each other by index, and that a cached start reads as they are.
//!
//! Nesting is gone: a component in a component is one more [`InstanceIdx`], and what was instantiated by name stands here as a list of [`Step`]s.

use std::fmt;

macro_rules! index {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
            #[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
            #[repr(transparent)]
            pub struct $name(pub u32);

            impl $name {
                /// The index as the position in a slice.
                pub fn index(self) -> usize {
                    self.0 as usize
                }
            }
        )*
    };
}

index! {
    /// A core module of the component, or an adapter between two of its parts.
    ModuleIdx
    /// An instance of a core module, in the order in which they are made.
    CoreInstanceIdx
    /// An instance of a component: the root, or one inside.
    InstanceIdx
    /// What the host has to give.
    ImportIdx
    /// A resource type: imported ones first.
    ResourceIdx
    /// A resource type as one component instance has it.
    HandleIdx
    /// A memory that lifting or lowering uses.
    MemoryIdx
    /// A function that allocates in a guest's memory.
    ReallocIdx
    /// A function that is called after a result was read.
    PostReturnIdx
    /// Options of a lifted or lowered function.
    OptionsIdx
    /// A function of the host that a core module imports.
    TrampolineIdx
    /// A compound type.
    DefIdx
    /// A function type.
    FuncIdx
    /// A signature of a core function.
    SigIdx
    /// The position of an export in a core module.
    ExportIdx
}

macro_rules! archived {
    ($($(#[$doc:meta])* $vis:vis $what:ident $name:ident $body:tt)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
            $vis $what $name $body
        )*
    };
}

/// A type of a component's values. What is compound stands in [`Types::defs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum Type {
    /// `bool`.
    Bool,
    /// `s8`.
    S8,
    /// `u8`.
    U8,
    /// `s16`.
    S16,
    /// `u16`.
    U16,
    /// `s32`.
    S32,
    /// `u32`.
    U32,
    /// `s64`.
    S64,
    /// `u64`.
    U64,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `char`.
    Char,
    /// `string`.
    String,
    /// A compound type.
    Def(DefIdx),
    /// A handle that owns.
    Own(HandleIdx),
    /// A handle for the time of a call.
    Borrow(HandleIdx),
}

archived! {
    /// A compound type, with its layout in a 32-bit memory.
    pub struct Def {
        /// What it is.
        pub kind: DefKind,
        /// Its size in bytes.
        pub size: u32,
        /// Its alignment in bytes.
        pub align: u32,
        /// How many core values it takes; none if more than any list of parameters has.
        pub flat: Option<u8>,
        /// Whether there is a handle for the time of a call in it.
        pub has_borrow: bool,
    }

    /// The kinds of compound types.
    pub enum DefKind {
        /// `list<T>`.
        List(Type),
        /// `record`.
        Record(Vec<Field>),
        /// `tuple<…>`.
        Tuple(Vec<Type>),
        /// `variant`.
        Variant(Vec<Case>),
        /// `enum`.
        Enum(Vec<String>),
        /// `flags`.
        Flags(Vec<String>),
        /// `option<T>`.
        Option(Type),
        /// `result<T, E>`.
        Result(Option<Type>, Option<Type>),
    }

    /// A field of a record.
    pub struct Field {
        /// Its name.
        pub name: String,
        /// Its type.
        pub ty: Type,
    }

    /// A case of a variant.
    pub struct Case {
        /// Its name.
        pub name: String,
        /// What it carries.
        pub ty: Option<Type>,
    }

    /// A function type.
    pub struct FuncType {
        /// Names of the parameters.
        pub names: Vec<String>,
        /// Their types, as a tuple: its layout is that of parameters that do not fit in registers.
        pub params: DefIdx,
        /// The result's type.
        pub result: Option<Type>,
        /// How many core values the parameters are, if they are passed as such.
        pub flat_params: Option<u8>,
        /// Whether the parameters have a handle for the time of the call in them.
        pub has_borrow: bool,
    }

    /// A resource type as one component instance has it.
    pub struct Handle {
        /// Which resource; none if it only occurs in the declaration of a type.
        pub resource: Option<ResourceIdx>,
        /// Whose handles they are.
        pub instance: InstanceIdx,
    }

    /// The types of a component.
    pub struct Types {
        /// Compound types; a type comes after those that it is made of.
        pub defs: Vec<Def>,
        /// Function types.
        pub funcs: Vec<FuncType>,
        /// Resource types by instance.
        pub handles: Vec<Handle>,
        /// Signatures of core functions.
        pub sigs: Vec<Sig>,
    }

    /// The signature of a core function.
    pub struct Sig {
        /// Its parameters.
        pub params: Vec<CoreType>,
        /// Its results.
        pub results: Vec<CoreType>,
    }

    /// What the host has to give: a function or a resource type.
    pub struct Import {
        /// The names that lead to it: an interface and what is in it, or one name of the root.
        pub path: Vec<String>,
        /// What it is.
        pub kind: ImportKind,
    }

    /// The kinds of imports.
    pub enum ImportKind {
        /// A function.
        Func(FuncIdx),
        /// A resource type.
        Resource,
    }

    /// What the component offers.
    pub struct Export {
        /// The names that lead to it.
        pub path: Vec<String>,
        /// What it is.
        pub kind: ExportKind,
    }

    /// The kinds of exports.
    pub enum ExportKind {
        /// A function, lifted.
        Func {
            /// Its type.
            ty: FuncIdx,
            /// The core function.
            func: CoreDef,
            /// How it is lifted.
            options: OptionsIdx,
        },
        /// An instance: what it has follows, with longer paths.
        Instance,
        /// A resource type.
        Resource(HandleIdx),
        /// Any other type.
        Type,
        /// A core module, which cannot be had.
        Module,
    }

    /// Options of a lifted or lowered function.
    pub struct Options {
        /// The component instance that lifts or lowers.
        pub instance: InstanceIdx,
        /// How its strings are encoded.
        pub encoding: Encoding,
        /// Where its lists and strings are.
        pub memory: Option<MemoryIdx>,
        /// How to allocate there.
        pub realloc: Option<ReallocIdx>,
        /// What is called after the result was read.
        pub post_return: Option<PostReturnIdx>,
    }

    /// One thing to do to make an instance.
    pub enum Step {
        /// Instantiate a core module.
        Instantiate {
            /// Which.
            module: ModuleIdx,
            /// What its imports are: in order, from here …
            first: u32,
            /// … so many of [`ComponentInfo::args`].
            count: u32,
        },
        /// Note a memory.
        Memory(MemoryIdx, CoreDef),
        /// Note a function that allocates.
        Realloc(ReallocIdx, CoreDef),
        /// Note a function that is called after a result was read.
        PostReturn(PostReturnIdx, CoreDef),
        /// A resource type comes into being.
        Resource {
            /// Which.
            resource: ResourceIdx,
            /// Its destructor.
            dtor: Option<CoreDef>,
            /// The component instance that defines it.
            instance: InstanceIdx,
        },
    }

    /// A function of the host that a core module imports.
    pub struct Trampoline {
        /// Its signature.
        pub sig: SigIdx,
        /// What it does.
        pub kind: TrampolineKind,
    }

    /// A part of a declared interface.
    pub struct Item {
        /// Its name.
        pub name: String,
        /// What it is.
        pub kind: ItemKind,
    }

    /// An interface as the component declares it: for people, and for messages.
    pub struct Interface {
        /// Its name; empty for what stands at the root.
        pub name: String,
        /// Whether the component imports it.
        pub is_import: bool,
        /// What is in it.
        pub items: Vec<Item>,
    }

    /// Everything.
    pub struct ComponentInfo {
        /// What the host has to give.
        pub imports: Vec<Import>,
        /// What the component offers.
        pub exports: Vec<Export>,
        /// How an instance is made.
        pub steps: Vec<Step>,
        /// Imports of core modules, see [`Step::Instantiate`].
        pub args: Vec<CoreDef>,
        /// The host's functions.
        pub trampolines: Vec<Trampoline>,
        /// Options of lifted and lowered functions.
        pub options: Vec<Options>,
        /// Types.
        pub types: Types,
        /// The interfaces that it declares.
        pub interfaces: Vec<Interface>,
        /// How many core modules there are.
        pub modules: u32,
        /// How many instances of components there are.
        pub instances: u32,
        /// How many memories are noted.
        pub memories: u32,
        /// How many functions that allocate are noted.
        pub reallocs: u32,
        /// How many functions that are called after results are noted.
        pub post_returns: u32,
        /// Which import each imported resource type is.
        pub imported_resources: Vec<ImportIdx>,
        /// How many resource types there are.
        pub resources: u32,
    }
}

macro_rules! small {
    ($($(#[$doc:meta])* $name:ident $body:tt)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
            pub enum $name $body
        )*
    };
}

small! {
    /// How strings are encoded.
    Encoding {
        /// UTF-8.
        Utf8,
        /// UTF-16.
        Utf16,
        /// Latin-1, or UTF-16 when the length has its highest bit set.
        CompactUtf16,
    }

    /// The types of core values that the canonical ABI uses.
    CoreType {
        /// A 32-bit integer.
        I32,
        /// A 64-bit integer.
        I64,
        /// A 32-bit float.
        F32,
        /// A 64-bit float.
        F64,
    }

    /// What a core module's import is, or where something of a core instance is found.
    CoreDef {
        /// An export of a core instance.
        Export(CoreInstanceIdx, ExportIdx),
        /// The flags of a component instance: a global that is one as long as it may call out.
        Flags(InstanceIdx),
        /// A function of the host.
        Trampoline(TrampolineIdx),
    }

    /// What a function of the host does.
    TrampolineKind {
        /// Calls an import of the root.
        Lower {
            /// Which.
            import: ImportIdx,
            /// Its type as the calling instance sees it.
            ty: FuncIdx,
            /// How it is lowered.
            options: OptionsIdx,
        },
        /// Copies a string from one encoding to another.
        Transcode {
            /// From which and to which.
            op: Transcode,
            /// Where the string is.
            from: MemoryIdx,
            /// Where it is copied to.
            to: MemoryIdx,
        },
        /// `resource.new`.
        ResourceNew(InstanceIdx, HandleIdx),
        /// `resource.rep`.
        ResourceRep(InstanceIdx, HandleIdx),
        /// `resource.drop`.
        ResourceDrop(InstanceIdx, HandleIdx),
        /// A handle that owns goes from one instance to another.
        TransferOwn,
        /// A handle for the time of a call goes from one instance to another.
        TransferBorrow,
        /// A call between two instances begins that has handles in it.
        EnterCall,
        /// It ends.
        ExitCall,
        /// An adapter traps.
        Trap,
    }

    /// From which encoding to which a string is copied. The names are those of the adapters' imports.
    Transcode {
        /// UTF-8 as it is.
        CopyUtf8,
        /// UTF-16 as it is.
        CopyUtf16,
        /// Latin-1 as it is.
        CopyLatin1,
        /// Every byte becomes a code unit.
        Latin1ToUtf16,
        /// As far as there is room.
        Latin1ToUtf8,
        /// Makes Latin-1 of it in the end, if that is possible.
        Utf16ToCompactProbablyUtf16,
        /// After Latin-1 turned out not to be enough.
        Utf16ToCompactUtf16,
        /// As far as it is Latin-1.
        Utf16ToLatin1,
        /// As far as there is room.
        Utf16ToUtf8,
        /// After Latin-1 turned out not to be enough.
        Utf8ToCompactUtf16,
        /// As far as it is Latin-1.
        Utf8ToLatin1,
        /// All of it.
        Utf8ToUtf16,
    }

    /// The kinds of what is in an interface.
    ItemKind {
        /// A function.
        Func(FuncIdx),
        /// A type with a name.
        Type(Type),
        /// A resource type.
        Resource(HandleIdx),
        /// Something that cannot be said in WIT: an instance, a component, a core module.
        Other,
    }
}

impl ComponentInfo {
    /// All of it as bytes, for an artifact.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(self);
        // Only what cannot be written could fail, and a list in memory can.
        bytes.map(|bytes| bytes.to_vec()).unwrap_or_default()
    }

    /// What [`ComponentInfo::to_bytes`] wrote, from bytes that are aligned to 8; none if that is damaged. What is there makes sense by itself
    /// ([`ComponentInfo::is_consistent`]) or is none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let info = rkyv::from_bytes::<Self, rkyv::rancor::Error>(bytes).ok()?;
        info.is_consistent().then_some(info)
    }
}

impl Types {
    /// A compound type.
    pub fn def(&self, index: DefIdx) -> &Def {
        &self.defs[index.index()]
    }

    /// A function type.
    pub fn func(&self, index: FuncIdx) -> &FuncType {
        &self.funcs[index.index()]
    }

    /// Size and alignment of a type in a 32-bit memory, in bytes.
    pub fn layout(&self, ty: Type) -> (u32, u32) {
        match ty {
            Type::Bool | Type::S8 | Type::U8 => (1, 1),
            Type::S16 | Type::U16 => (2, 2),
            Type::S32 | Type::U32 | Type::F32 | Type::Char | Type::Own(_) | Type::Borrow(_) => (4, 4),
            Type::S64 | Type::U64 | Type::F64 => (8, 8),
            Type::String => (8, 4),
            Type::Def(index) => (self.def(index).size, self.def(index).align),
        }
    }

    /// How many core values a type takes, if they can be passed as such.
    pub fn flat(&self, ty: Type) -> Option<u8> {
        match ty {
            Type::String => Some(2),
            Type::Def(index) => self.def(index).flat,
            _ => Some(1),
        }
    }

    /// The types of a function's parameters.
    pub fn params(&self, ty: &FuncType) -> &[Type] {
        match &self.def(ty.params).kind {
            DefKind::Tuple(types) => types,
            _ => &[],
        }
    }

    /// Whether there is a handle for the time of a call in a type.
    pub fn has_borrow(&self, ty: Type) -> bool {
        match ty {
            Type::Borrow(_) => true,
            Type::Def(index) => self.def(index).has_borrow,
            _ => false,
        }
    }

    /// Whether there is a handle in a type that owns.
    pub fn has_own(&self, ty: Type) -> bool {
        let in_optional = |ty: Option<Type>| ty.is_some_and(|ty| self.has_own(ty));
        match ty {
            Type::Own(_) => true,
            Type::Def(index) => match &self.def(index).kind {
                DefKind::List(ty) | DefKind::Option(ty) => self.has_own(*ty),
                DefKind::Record(fields) => fields.iter().any(|field| self.has_own(field.ty)),
                DefKind::Tuple(types) => types.iter().any(|ty| self.has_own(*ty)),
                DefKind::Variant(cases) => cases.iter().any(|case| in_optional(case.ty)),
                DefKind::Result(ok, err) => in_optional(*ok) || in_optional(*err),
                DefKind::Enum(_) | DefKind::Flags(_) => false,
            },
            _ => false,
        }
    }
}

impl Def {
    /// Size of the number that says which case a variant is in, in bytes; none for types without cases.
    pub fn discriminant_bytes(&self) -> Option<u32> {
        let cases = match &self.kind {
            DefKind::Variant(cases) => cases.len(),
            DefKind::Enum(names) => names.len(),
            DefKind::Option(_) | DefKind::Result(..) => 2,
            DefKind::List(_) | DefKind::Record(_) | DefKind::Tuple(_) | DefKind::Flags(_) => return None,
        };
        Some(discriminant_bytes(cases))
    }

    /// Where the payload of a type with cases is, in bytes from its beginning.
    pub fn payload_offset(&self) -> u32 {
        self.discriminant_bytes().unwrap_or(0).next_multiple_of(self.align.max(1))
    }
}

/// Size of the number of one of so many cases, in bytes.
pub(crate) fn discriminant_bytes(cases: usize) -> u32 {
    match cases {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}

impl Import {
    /// As messages name it: `wasi:cli/exit@0.2.0`, function `exit`.
    pub fn describe(&self) -> String {
        describe(&self.path, matches!(self.kind, ImportKind::Func(_)))
    }
}

fn describe(path: &[String], is_func: bool) -> String {
    let what = if is_func { "function" } else { "resource" };
    match path {
        [interfaces @ .., name] if !interfaces.is_empty() => {
            format!("{what} `{name}` of interface `{}`", interfaces.join("/"))
        }
        _ => format!("{what} `{}`", path.join("/")),
    }
}

impl fmt::Display for Transcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
