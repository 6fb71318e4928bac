//! Interfaces of the host that do not know what else is in a store's data: they are compiled once, for all kinds of stores.

use wasmer_api::{Caller, Error, RawValue, Result};
use wasmer_component_translate::info::FuncType;

use crate::component::Component;
use crate::guest::{Narrowed, Part};
use crate::host::{Call, HostCall, Mismatch, typed_mismatch};
use crate::linker::ComponentLinker;
use crate::resource::ResourceType;
use crate::typed::{Lift, Lower, TypeContext};

/// A function of the host on a `U`, which is a part of some store's data.
pub struct Method<U>(Box<dyn MethodCall<U>>);

trait MethodCall<U>: Send + Sync {
    fn mismatch(&self, ty: &FuncType, cx: &TypeContext<'_>) -> Option<Mismatch>;

    fn call(&self, part: &mut Part<'_, U>, call: HostCall<'_>, values: &mut [RawValue]) -> Result<()>;
}

struct TypedCall<F, P, R>(F, std::marker::PhantomData<fn(P) -> R>);

impl<U, F, P: Lift, R: Lower, E: Into<Error>> MethodCall<U> for TypedCall<F, P, Result<R, E>>
where
    F: Fn(&mut Part<'_, U>, P) -> Result<R, E> + Send + Sync,
{
    fn mismatch(&self, ty: &FuncType, cx: &TypeContext<'_>) -> Option<Mismatch> {
        typed_mismatch::<P, R>(ty, cx)
    }

    fn call(&self, part: &mut Part<'_, U>, call: HostCall<'_>, values: &mut [RawValue]) -> Result<()> {
        let (params, view) = call.lift_viewed(part.guest.guest(), values)?;
        // A part has no way to code of the guest: the memory stays where it is.
        part.view = view;
        let result = (self.0)(part, params).map_err(Into::<Error>::into)?;
        call.lower_viewed::<P, R>(part.guest.guest(), view, values, &result)
    }
}

impl<U> Method<U> {
    /// What a closure does, whose types Rust knows: as for [`func_wrap`](crate::LinkerInstance::func_wrap). One that captures nothing takes no memory.
    pub fn new<P: Lift + 'static, R: Lower + 'static, E: Into<Error> + 'static>(
        func: impl Fn(&mut Part<'_, U>, P) -> Result<R, E> + Send + Sync + 'static,
    ) -> Self {
        Self(Box::new(TypedCall::<_, P, Result<R, E>>(func, std::marker::PhantomData)))
    }
}

/// A method on the part of a store's data that a function finds.
struct Projected<U, F> {
    method: Method<U>,
    part: F,
}

impl<T: 'static, U: 'static, F> Call<T> for Projected<U, F>
where
    F: Fn(&mut T) -> &mut U + Send + Sync + 'static,
{
    fn mismatch(&self, ty: &FuncType, cx: &TypeContext<'_>) -> Option<Mismatch> {
        self.method.0.mismatch(ty, cx)
    }

    fn call(&self, caller: &mut Caller<'_, T>, call: HostCall<'_>, values: &mut [RawValue]) -> Result<()> {
        let mut narrowed = Narrowed { caller, part: &self.part };
        self.method.0.call(&mut Part::new(&mut narrowed), call, values)
    }
}

/// Takes what a [`Library`] defines.
pub trait Define<U> {
    /// Whether anybody asks for a name.
    fn wants(&self, interface: &str, name: &str) -> bool;

    /// Takes a function.
    fn method(&mut self, interface: &str, name: &str, method: Method<U>) -> Result<()>;

    /// Takes a resource type, and what ends a resource of it.
    fn resource(
        &mut self,
        interface: &str,
        name: &str,
        ty: ResourceType,
        drop: fn(&mut U, u32) -> Result<()>,
    ) -> Result<()>;
}

/// Interfaces of the host on a `U`: a function that defines all of them, which [`interfaces!`](crate::interfaces!) writes.
pub type Library<U> = fn(&mut dyn Define<U>) -> Result<()>;

/// A linker that is being filled.
struct Definer<'a, T, F> {
    linker: &'a mut ComponentLinker<T>,
    part: F,
    /// What a component imports, interfaces without their versions; everything is defined without it.
    imports: Option<std::collections::HashSet<(&'a str, &'a str)>>,
}

impl<T: 'static, U: 'static, F> Define<U> for Definer<'_, T, F>
where
    F: Fn(&mut T) -> &mut U + Copy + Send + Sync + 'static,
{
    fn wants(&self, interface: &str, name: &str) -> bool {
        self.imports.as_ref().is_none_or(|imports| imports.contains(&(without_version(interface), name)))
    }

    fn method(&mut self, interface: &str, name: &str, method: Method<U>) -> Result<()> {
        let func = Projected { method, part: self.part };
        self.linker.instance(interface).func(name, std::sync::Arc::new(func)).map(drop)
    }

    fn resource(
        &mut self,
        interface: &str,
        name: &str,
        ty: ResourceType,
        drop: fn(&mut U, u32) -> Result<()>,
    ) -> Result<()> {
        let part = self.part;
        let mut instance = self.linker.instance(interface);
        instance.resource(name, ty, move |caller, rep| drop(part(caller.data_mut()), rep))?;
        Ok(())
    }
}

fn without_version(interface: &str) -> &str {
    interface.split_once('@').map_or(interface, |(name, _)| name)
}

impl<T: 'static> ComponentLinker<T> {
    /// Defines all interfaces of a library, on what `part` finds in a store's data.
    pub fn add_library<U: 'static>(
        &mut self,
        library: Library<U>,
        part: impl Fn(&mut T) -> &mut U + Copy + Send + Sync + 'static,
    ) -> Result<()> {
        library(&mut Definer { linker: self, part, imports: None })
    }

    /// As [`ComponentLinker::add_library`], but only for what `component` imports: for starts of which every microsecond counts.
    pub fn add_library_imports<U: 'static>(
        &mut self,
        library: Library<U>,
        component: &Component,
        part: impl Fn(&mut T) -> &mut U + Copy + Send + Sync + 'static,
    ) -> Result<()> {
        let imports = component.info().imports.iter().filter_map(|import| match &*import.path {
            [name] => Some(("", &**name)),
            [interface, name] => Some((without_version(interface), &**name)),
            _ => None,
        });
        let imports = Some(imports.collect());
        library(&mut Definer { linker: self, part, imports })
    }
}

/// Writes a [`Library`]: groups of interfaces with rows, each a resource with the method that ends one of it, or a function with the method that it is. A list of
/// bytes stands behind a semicolon: it stays in the guest's memory.
#[macro_export]
macro_rules! interfaces {
    ($(#[$meta:meta])* $vis:vis fn $library:ident for $part:ty, $version:literal; $($group:ident { $($interface:literal { $($rows:tt)* })* })*) => {
        $(#[$meta])*
        $vis fn $library(definer: &mut dyn $crate::Define<$part>) -> $crate::macros::names::Result<()> {
            $($group(definer)?;)*
            Ok(())
        }

        $(
            fn $group(definer: &mut dyn $crate::Define<$part>) -> $crate::macros::names::Result<()> {
                $(
                    let interface = concat!($interface, "@", $version);
                    $crate::interfaces!(@rows $part, definer, interface; $($rows)*);
                )*
                Ok(())
            }
        )*
    };
    (@rows $part:ty, $definer:ident, $interface:ident;) => {};
    (@rows $part:ty, $definer:ident, $interface:ident; resource $name:literal: $resource:ty = $drop:ident; $($rest:tt)*) => {
        if $definer.wants($interface, $name) {
            let ty = $crate::ResourceType::host::<$resource>();
            $definer.resource($interface, $name, ty, |part, rep| part.$drop($crate::Own::new(rep)))?;
        }
        $crate::interfaces!(@rows $part, $definer, $interface; $($rest)*);
    };
    (@rows $part:ty, $definer:ident, $interface:ident; $name:literal: $method:ident($($param:ident),*); $($rest:tt)*) => {
        if $definer.wants($interface, $name) {
            let method = $crate::Method::new(
                |part: &mut $crate::Part<'_, $part>, ($($param,)*)| part.data_mut().$method($($param),*)
            );
            $definer.method($interface, $name, method)?;
        }
        $crate::interfaces!(@rows $part, $definer, $interface; $($rest)*);
    };
    (@rows $part:ty, $definer:ident, $interface:ident; $name:literal: $method:ident($own:ident; $bytes:ident $(, $param:ident)*); $($rest:tt)*) => {
        if $definer.wants($interface, $name) {
            let method = $crate::Method::new(
                |part: &mut $crate::Part<'_, $part>, ($own, $bytes, $($param,)*): (_, $crate::Bytes, $($crate::interfaces!(@any $param),)*)| {
                    let (data, $bytes) = part.with_bytes($bytes)?;
                    data.$method($own, $bytes $(, $param)*)
                }
            );
            $definer.method($interface, $name, method)?;
        }
        $crate::interfaces!(@rows $part, $definer, $interface; $($rest)*);
    };
    (@any $param:ident) => { _ };
}
