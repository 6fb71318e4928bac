//! Several compilers for one module: whose artifact is run, and who compiles if there is none.

use std::sync::{Arc, OnceLock};

use wasmer_api::{Engine, Result};

/// An engine that is made when it is first asked for: a start that finds the artifact of a better one has no use for it.
pub struct LazyEngine<'a> {
    made: OnceLock<Engine>,
    make: Box<dyn Fn() -> Result<Engine> + Send + Sync + 'a>,
}

impl<'a> LazyEngine<'a> {
    /// The engine that `make` makes.
    pub fn new(make: impl Fn() -> Result<Engine> + Send + Sync + 'a) -> Self {
        Self { made: OnceLock::new(), make: Box::new(make) }
    }

    /// The engine.
    pub fn get(&self) -> Result<&Engine> {
        if let Some(engine) = self.made.get() {
            return Ok(engine);
        }
        let engine = (self.make)()?;
        Ok(self.made.get_or_init(|| engine))
    }
}

impl From<Engine> for LazyEngine<'_> {
    fn from(engine: Engine) -> Self {
        Self::new(move || Ok(engine.clone()))
    }
}

/// Engines of one program, the one with the best code first. Whatever the store has of the first ones is run; if it has nothing of any, the
/// last one compiles, so that is the one that compiles fastest.
#[derive(Clone)]
pub struct Tiers<'a>(Arc<(Vec<LazyEngine<'a>>, LazyEngine<'a>)>);

impl<'a> Tiers<'a> {
    /// The engines whose artifacts are preferred, best first, and the one that compiles.
    pub fn new(better: Vec<LazyEngine<'a>>, last: LazyEngine<'a>) -> Self {
        Self(Arc::new((better, last)))
    }

    /// All engines, in order. One of the better ones that cannot be made here is not there; without the last one nothing works.
    pub(crate) fn engines(&self) -> impl Iterator<Item = Result<&Engine>> {
        let (better, last) = &*self.0;
        better.iter().filter_map(|engine| engine.get().ok()).map(Ok).chain(std::iter::once_with(|| last.get()))
    }

    /// The engine that compiles.
    pub fn compiling(&self) -> Result<&Engine> {
        self.0.1.get()
    }
}

impl From<&Engine> for Tiers<'_> {
    fn from(engine: &Engine) -> Self {
        Self::new(Vec::new(), engine.clone().into())
    }
}
