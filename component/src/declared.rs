//! Exported functions whose parameters are borrowed for each call.

use std::marker::PhantomData;

use wasmer_api::{AsStoreMut, Result};

use crate::instance::{ComponentFunc, ComponentInstance};
use crate::typed::{Lift, Lower};

/// The type of a function in Rust, with parameters that may be borrowed for a call. A type that stands for several functions numbers them by `N`.
pub trait Signature<const N: usize = 0> {
    /// The parameters, a tuple.
    type Params<'a>: Lower;
    /// The result; `()` for none.
    type Result: Lift;
}

/// A function that a component exports, of the type that `S` declares. Other than a [`TypedComponentFunc`](crate::TypedComponentFunc), it can be kept and be
/// called with parameters that live shorter than it.
///
/// ```no_run
/// use wasmer_component::{ComponentInstance, DeclaredFunc, Signature};
/// # use wasmer_api::{Result, Store};
///
/// /// `greet: func(name: string) -> string`
/// enum Greet {}
///
/// impl Signature for Greet {
///     type Params<'a> = (&'a str,);
///     type Result = String;
/// }
///
/// struct Plugin {
///     greet: DeclaredFunc<Greet>,
/// }
///
/// # fn plugin(instance: &ComponentInstance, store: &mut Store<()>, name: String) -> Result<String> {
/// let plugin = Plugin { greet: DeclaredFunc::new(store, instance, "greet")? };
/// plugin.greet.call(store, (&name,))
/// # }
/// ```
pub struct DeclaredFunc<S, const N: usize = 0> {
    func: ComponentFunc,
    signature: PhantomData<fn() -> S>,
}

impl<S: Signature<N>, const N: usize> DeclaredFunc<S, N> {
    /// The exported function of a name, as [`ComponentInstance::func`] takes it.
    ///
    /// # Errors
    /// [`Error::Link`](wasmer_api::Error::Link) if there is none, [`Error::Type`](wasmer_api::Error::Type) if it is of another type.
    pub fn new(store: &mut impl AsStoreMut, instance: &ComponentInstance, name: &str) -> Result<Self> {
        // Whether a type stands for a component's does not depend on how long its references live.
        let func = instance.func_of::<S::Params<'static>, S::Result>(store, name)?;
        Ok(Self { func, signature: PhantomData })
    }

    /// Calls the function.
    pub fn call(&self, store: &mut impl AsStoreMut, params: S::Params<'_>) -> Result<S::Result> {
        self.func.call_of(store, &params)
    }

    /// Calls the function, and waits where the component calls functions of the host that are futures; see
    /// [`TypedComponentFunc::call_async`](crate::TypedComponentFunc::call_async).
    pub async fn call_async(&self, store: &mut impl AsStoreMut, params: S::Params<'_>) -> Result<S::Result> {
        self.func.call_of_async(store, &params).await
    }
}
