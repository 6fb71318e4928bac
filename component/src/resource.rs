//! Resources of the host.

use std::any;
use std::fmt;
use std::marker::PhantomData;

/// A resource type of the host.
#[derive(Clone, Copy)]
pub struct ResourceType {
    id: any::TypeId,
    /// Tells types without a Rust type apart.
    number: u32,
    name: &'static str,
}

impl ResourceType {
    /// The type of resources that Rust calls `R`. Nothing of `R` is ever made: it is a name.
    pub fn host<R: 'static>() -> Self {
        Self { id: any::TypeId::of::<R>(), number: 0, name: any::type_name::<R>() }
    }

    /// A type that only has a number.
    pub fn numbered(number: u32) -> Self {
        Self { number, ..Self::host::<Numbered>() }
    }
}

/// Stands for types that Rust does not know.
struct Numbered;

impl PartialEq for ResourceType {
    fn eq(&self, other: &Self) -> bool {
        (self.id, self.number) == (other.id, other.number)
    }
}

impl Eq for ResourceType {}

impl fmt::Debug for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourceType({}, {})", self.name, self.number)
    }
}

/// A resource of the host's type `R`, owned: whoever gets it has to see that it ends. `rep` is the host's own number for it.
pub struct Own<R> {
    /// The host's number.
    pub rep: u32,
    ty: PhantomData<fn() -> R>,
}

/// A resource of the host's type `R`, lent for the time of a call. `rep` is the host's own number for it.
pub struct Borrow<R> {
    /// The host's number.
    pub rep: u32,
    ty: PhantomData<fn() -> R>,
}

macro_rules! handles {
    ($($name:ident)*) => {
        $(
            impl<R> $name<R> {
                /// The resource of a number.
                pub fn new(rep: u32) -> Self {
                    Self { rep, ty: PhantomData }
                }
            }

            impl<R> fmt::Debug for $name<R> {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, "{}({})", stringify!($name), self.rep)
                }
            }

            impl<R> PartialEq for $name<R> {
                fn eq(&self, other: &Self) -> bool {
                    self.rep == other.rep
                }
            }
        )*
    };
}

handles!(Own Borrow);

impl<R> Clone for Borrow<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Borrow<R> {}
