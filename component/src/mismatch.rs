//! Components that cannot be linked, and values that do not fit: what [`Error::Link`] and [`Error::Type`] have within for them.

use wasmer_api::{Error, LinkError, TypeError};

/// Why a component cannot be linked, or what was asked of it is not there.
///
/// ```
/// use wasmer_api::LinkError;
/// use wasmer_component::{ComponentLinkError, ComponentLinker};
///
/// let mut linker = ComponentLinker::<()>::new();
/// let mut host = linker.instance("host");
/// host.func_wrap("now", |_, ()| Ok(7_u64))?;
/// let error = host.func_wrap("now", |_, ()| Ok(8_u64)).err().unwrap();
/// assert!(matches!(error.as_link(), Some(LinkError::Other(_))));
/// match error.downcast_ref::<ComponentLinkError>() {
///     Some(ComponentLinkError::DefinedTwice { interface, name }) => assert_eq!((&**interface, &**name), ("host", "now")),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<_, wasmer_api::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ComponentLinkError {
    /// Nothing has the name of an import.
    #[error("unknown import: {import} has not been defined\nwit: {wit}")]
    Undefined {
        /// The import, with its interface.
        import: String,
        /// Its line of WIT.
        wit: String,
    },
    /// A host function is of another type than an import.
    #[error("incompatible import type: {import} has Rust type {host}, and the component wants\nwit: {wit}{}", hint.line())]
    Incompatible {
        /// The import, with its interface.
        import: String,
        /// The host function's type in Rust.
        host: String,
        /// The import's line of WIT.
        wit: String,
        /// What may be meant.
        hint: Hint,
    },
    /// A function stands for a resource, or a resource for a function.
    #[error("incompatible import type: {import} is defined as something else")]
    Kind {
        /// The import, with its interface.
        import: String,
    },
    /// A linker has something of this name already, and was not told that names may be defined again.
    #[error("`{name}` of interface `{interface}` is defined twice")]
    DefinedTwice {
        /// The interface.
        interface: String,
        /// The name.
        name: String,
    },
    /// A component consists of another number of core modules.
    #[error("the component has {expected} core modules, not {given}")]
    Modules {
        /// How many it has.
        expected: usize,
        /// How many were given.
        given: usize,
    },
    /// No exported function has the name.
    #[error("the component exports no function `{name}`")]
    NoFunction {
        /// The name.
        name: String,
    },
    /// An export is no function.
    #[error("the component's export `{name}` is not a function")]
    NotAFunction {
        /// The name.
        name: String,
    },
    /// The metadata says that a core module has an instance already, which it does not have.
    #[error("a core module of the component has no instance")]
    NoInstance,
    /// The metadata says that a function of a core module can be called as one of the component's, which it cannot.
    #[error("a function that a component calls is {found}, not what the canonical ABI makes of its type")]
    CoreType {
        /// Its type, in the text format.
        found: String,
    },
    /// The metadata says that a function is a resource.
    #[error("a function stands for a resource")]
    FuncForResource,
    /// The metadata says that a resource is a function.
    #[error("a resource stands for a function")]
    ResourceForFunc,
    /// The metadata says that something else in a core module is a function.
    #[error("what a component calls is not a function")]
    Lifted,
}

/// Why a value of the component model is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ComponentTypeError {
    /// The component instance belongs to another store.
    #[error("the component instance belongs to another store")]
    Store,
    /// A value is of another type than its place.
    #[error("{}{value} is not a value of type `{expected}`{}", placed(place), because(why))]
    Value {
        /// Where it is: the parameter's name and the way from there, `order.items[3].note`; empty if it is the parameter itself that nobody names.
        place: String,
        /// The value, as much as a message has room for.
        value: String,
        /// The place's type in WIT.
        expected: String,
        /// What is missing or too much; empty if it is of another kind.
        why: String,
    },
    /// A text is no value of the type that it has to be of.
    #[error("{problem}, at character {position}: {found}")]
    Text {
        /// What was expected.
        problem: String,
        /// Which character of the text it is that was not, from one.
        position: usize,
        /// What stands there, as far as messages show it.
        found: String,
    },
    /// An export is of another type than Rust asks for.
    #[error("export `{name}` is called with Rust type {rust}, and is\nwit: {wit}{}", hint.line())]
    Export {
        /// Its name.
        name: String,
        /// The type that was asked for.
        rust: String,
        /// Its line of WIT.
        wit: String,
        /// What may be meant.
        hint: Hint,
    },
    /// A function was called with more or fewer values than it has parameters.
    #[error("{given} arguments are given to a function that is `{wit}`")]
    Arity {
        /// How many there were.
        given: usize,
        /// Its line of WIT.
        wit: String,
    },
    /// A host function returned what is not of its type.
    #[error("a host function returned {result}, and is `{wit}`")]
    HostResult {
        /// What it returned.
        result: String,
        /// Its type in WIT.
        wit: String,
    },
    /// Parameters are lifted together.
    #[error("parameters are a tuple")]
    Parameters,
    /// A guest's own resource cannot be lent to the host.
    #[error("a guest's own resource cannot be lent to the host")]
    GuestResource,
}

/// What may be meant by a Rust type that is not a function's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hint {
    /// Nothing that is known.
    None,
    /// A parameter stands alone.
    ParamsAreTuple,
    /// A result is in a tuple.
    ResultIsNoTuple,
    /// A resource that the component defines is taken for one of the host.
    GuestResource,
}

impl Hint {
    /// A line of a message, after the others.
    fn line(self) -> &'static str {
        match self {
            Self::None => "",
            Self::ParamsAreTuple => "\nhint: parameters are a tuple, `(u32,)` where there is one",
            Self::ResultIsNoTuple => "\nhint: a result stands alone: `u32`, not `(u32,)`",
            Self::GuestResource => {
                "\nhint: a resource that the component defines is a `GuestOwn<R>`, and lent a reference to one"
            }
        }
    }
}

/// The place of a value, before what is said of it.
fn placed(place: &str) -> String {
    if place.is_empty() { String::new() } else { format!("`{place}`: ") }
}

fn because(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(": {why}") }
}

impl From<ComponentLinkError> for Error {
    fn from(error: ComponentLinkError) -> Self {
        LinkError::other(error).into()
    }
}

impl From<ComponentTypeError> for Error {
    fn from(error: ComponentTypeError) -> Self {
        TypeError::other(error).into()
    }
}
