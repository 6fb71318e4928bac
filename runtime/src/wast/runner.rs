//! The interpreter of scripts.

use std::collections::HashMap;
use std::thread::{Scope, ScopedJoinHandle};

use wasmer_api::{Engine, Error, Extern, Instance, Linker, Memory, Module, SharedMemory, Store, Val};
use wasmer_runtime_core::compiler::CompileError;
use wast::token::{Id, Span};
use wast::{QuoteWat, QuoteWatTest, WastDirective, WastExecute, WastInvoke, WastThread, Wat};

use super::assemble::{assemble_quoted, encode_parsed};
use super::components::{self, Component, ComponentInstance, Results};
use super::{Kind, Miss, Report, spectest, values};

type Outcome<T = ()> = Result<T, Miss>;

/// Runs the directives of a script whose text is `text`.
pub(super) fn run(engine: &Engine, text: &str, directives: Vec<WastDirective<'_>>) -> Report {
    std::thread::scope(|scope| {
        let mut runner = Runner::new(engine, text, scope);
        runner.run(directives);
        runner.report
    })
}

/// A module as later directives know it.
#[derive(Clone)]
enum Named {
    Instance(Instance),
    Component(ComponentInstance),
    /// What a thread may use of a module that another thread owns.
    Exports(Vec<(String, Extern)>),
}

/// What directives make instances of.
#[derive(Clone)]
enum Definition {
    Module(Module),
    Component(Component),
}

struct Runner<'scope, 'env> {
    engine: &'env Engine,
    text: &'env str,
    scope: &'scope Scope<'scope, 'env>,
    store: Store<()>,
    linker: Linker<()>,
    /// Modules that scripts define without making an instance of them, by their names in the script.
    definitions: HashMap<String, Definition>,
    last_definition: Option<Definition>,
    instances: HashMap<String, Named>,
    /// What a directive means that names no module.
    current: Option<Named>,
    threads: HashMap<String, ScopedJoinHandle<'scope, Report>>,
    report: Report,
}

impl<'scope, 'env> Runner<'scope, 'env> {
    fn new(engine: &'env Engine, text: &'env str, scope: &'scope Scope<'scope, 'env>) -> Self {
        let mut store = Store::new(engine, ());
        // A script that passes has lost no reference either.
        store.gc_always();
        let mut linker = Linker::new();
        // Scripts register one name after another for different modules.
        linker.allow_shadowing(true);
        let mut report = Report::default();
        if let Err(error) = spectest::define(&mut linker, &mut store) {
            report.record(Kind::Action, 0, Err(format!("could not make the module `spectest`: {error}").into()));
        }
        Self {
            engine,
            text,
            scope,
            store,
            linker,
            definitions: HashMap::new(),
            last_definition: None,
            instances: HashMap::new(),
            current: None,
            threads: HashMap::new(),
            report,
        }
    }

    fn run(&mut self, directives: Vec<WastDirective<'env>>) {
        for directive in directives {
            let line = self.line(directive.span());
            let kind = Kind::of(&directive);
            let outcome = self.directive(directive);
            self.report.record(kind, line, outcome);
        }
    }

    /// Counted from 1, as editors do.
    fn line(&self, span: Span) -> usize {
        span.linecol_in(self.text).0 + 1
    }

    fn directive(&mut self, directive: WastDirective<'env>) -> Outcome {
        match directive {
            WastDirective::Module(module) => self.module(module),
            WastDirective::ModuleDefinition(module) => self.definition(module),
            WastDirective::ModuleInstance { instance, module, .. } => self.module_instance(instance, module),
            WastDirective::Register { name, module, .. } => self.register(name, module),
            WastDirective::Invoke(invoke) => self.invoke(&invoke).and_then(finished).map(|_| ()),
            WastDirective::Thread(thread) => self.thread(thread),
            WastDirective::Wait { thread, .. } => self.wait(thread),
            WastDirective::AssertReturn { exec, results, .. } => {
                let found = self.execute(exec).and_then(finished);
                found.and_then(|found| components::compare(&found, &results, &mut self.store))
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                self.execute(exec).and_then(|result| trapped(result, message))
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                self.invoke(&call).and_then(|result| trapped(result, message))
            }
            WastDirective::AssertException { exec, .. } => self.execute(exec).and_then(thrown),
            WastDirective::AssertInvalid { module, .. } => self.invalid(module),
            WastDirective::AssertMalformed { module, .. } => self.malformed(module),
            WastDirective::AssertUnlinkable { module, message, .. } => self.unlinkable(module, message),
            WastDirective::AssertInvalidCustom { .. }
            | WastDirective::AssertMalformedCustom { .. }
            | WastDirective::AssertSuspension { .. } => Err(Miss::Skipped),
        }
    }

    fn compile(&self, bytes: &[u8]) -> Outcome<Definition> {
        if components::is_component(bytes) {
            let component = components::compile(self.engine, bytes).map(Definition::Component);
            return component.map_err(|error| format!("the component was refused: {error}").into());
        }
        let module = Module::new(self.engine, bytes).map(Definition::Module);
        module.map_err(|error| format!("the module was refused: {error}").into())
    }

    fn link(&mut self, definition: &Definition) -> Result<Named, Error> {
        Ok(match definition {
            Definition::Module(module) => Named::Instance(self.linker.instantiate(&mut self.store, module)?),
            Definition::Component(component) => Named::Component(components::instantiate(component, &mut self.store)?),
        })
    }

    fn module(&mut self, mut module: QuoteWat<'_>) -> Outcome {
        let name = module.name();
        // A module that fails must not leave its predecessor as the target of later directives.
        self.current = None;
        let bytes = encode(&mut module).map_err(|error| error.to_string())?;
        let module = self.compile(&bytes)?;
        self.instantiate(&module, name)
    }

    fn instantiate(&mut self, definition: &Definition, name: Option<Id<'_>>) -> Outcome {
        let instance = self.link(definition).map_err(|error| format!("could not instantiate the module: {error}"))?;
        if let Some(name) = name {
            self.instances.insert(name.name().to_owned(), instance.clone());
        }
        self.current = Some(instance);
        Ok(())
    }

    fn definition(&mut self, mut module: QuoteWat<'_>) -> Outcome {
        let name = module.name();
        let bytes = encode(&mut module).map_err(|error| error.to_string())?;
        let module = self.compile(&bytes)?;
        if let Some(name) = name {
            self.definitions.insert(name.name().to_owned(), module.clone());
        }
        self.last_definition = Some(module);
        Ok(())
    }

    fn module_instance(&mut self, instance: Option<Id<'_>>, module: Option<Id<'_>>) -> Outcome {
        let definition = match module {
            Some(id) => self.definitions.get(id.name()).cloned(),
            None => self.last_definition.clone(),
        };
        let module = definition.ok_or("no such module definition")?;
        self.instantiate(&module, instance)
    }

    fn named(&self, id: Option<Id<'_>>) -> Outcome<Named> {
        match id {
            Some(id) => {
                self.instances.get(id.name()).cloned().ok_or_else(|| format!("no module `{}`", id.name()).into())
            }
            None => self.current.clone().ok_or_else(|| "no module".into()),
        }
    }

    fn exports(&mut self, named: Named) -> Result<Vec<(String, Extern)>, String> {
        match named {
            Named::Instance(instance) => instance.exports(&mut self.store).map_err(|error| error.to_string()),
            Named::Exports(exports) => Ok(exports),
            Named::Component(_) => Err("components cannot be registered".to_owned()),
        }
    }

    fn register(&mut self, name: &str, id: Option<Id<'_>>) -> Outcome {
        let named = self.named(id)?;
        // The name stands for this module alone from now on.
        self.linker.remove_module(name);
        for (field, entity) in self.exports(named)? {
            self.linker.define(name, &field, entity).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn export(&mut self, id: Option<Id<'_>>, name: &str) -> Outcome<Extern> {
        let found = match self.named(id)? {
            Named::Instance(instance) => instance.export(&mut self.store, name),
            Named::Exports(exports) => exports.into_iter().find(|(field, _)| field == name).map(|(_, entity)| entity),
            Named::Component(_) => None,
        };
        found.ok_or_else(|| format!("no export `{name}`").into())
    }

    /// The outer error is the script's, which names something that is not there; the inner one is what an assertion may expect.
    fn execute(&mut self, exec: WastExecute<'_>) -> Outcome<Result<Results, Error>> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Get { module, global, .. } => match self.export(module, global)? {
                Extern::Global(global) => Ok(global.get(&self.store).map(|value| Results::Core(vec![value]))),
                _ => Err(format!("the export `{global}` is not a global").into()),
            },
            WastExecute::Wat(mut module) => {
                let bytes = encode_parsed(&mut module).map_err(|error| error.to_string())?;
                let module = self.compile(&bytes)?;
                Ok(self.link(&module).map(|_| Results::Core(Vec::new())))
            }
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Outcome<Result<Results, Error>> {
        if let Named::Component(instance) = self.named(invoke.module)? {
            return components::call(&instance, invoke, &mut self.store);
        }
        let Extern::Func(func) = self.export(invoke.module, invoke.name)? else {
            return Err(format!("the export `{}` is not a function", invoke.name).into());
        };
        let args = invoke.args.iter().map(|arg| values::argument(arg, &mut self.store));
        let args = args.collect::<Outcome<Vec<_>>>()?;
        let ty = func.ty(&self.store).map_err(|error| error.to_string())?;
        let mut results = vec![Val::I32(0); ty.results.len()];
        Ok(func.call(&mut self.store, &args, &mut results).map(|()| Results::Core(results)))
    }

    fn invalid(&mut self, mut module: QuoteWat<'_>) -> Outcome {
        let bytes = encode(&mut module).map_err(|error| format!("the text was refused before validation: {error}"))?;
        self.refused(&bytes)
    }

    /// Text that cannot be read is malformed; of a binary the validator says it, which does not distinguish malformed from invalid.
    fn malformed(&mut self, mut module: QuoteWat<'_>) -> Outcome {
        match encode(&mut module) {
            Ok(bytes) => self.refused(&bytes),
            Err(_) => Ok(()),
        }
    }

    /// The module must be refused because it is wrong, not because something is not supported. In the language before typed function
    /// references there is nothing that is not supported: what a later proposal allows is wrong.
    fn refused(&self, bytes: &[u8]) -> Outcome {
        if components::is_component(bytes) {
            return components::refused(bytes, self.engine.features());
        }
        let Err(error) = self.engine.validate(bytes) else { return Err("the module was accepted".into()) };
        match error.as_compile() {
            Some(CompileError::Invalid { .. }) => Ok(()),
            Some(CompileError::Unsupported { .. } | CompileError::Disabled { .. })
                if !self.engine.features().function_references() =>
            {
                Ok(())
            }
            _ => Err(format!("the module was refused for another reason: {error}").into()),
        }
    }

    /// The module is valid, and refused when it is linked, with the specification's words at the beginning of the message.
    fn unlinkable(&mut self, mut module: Wat<'_>, expected: &str) -> Outcome {
        let bytes = encode_parsed(&mut module).map_err(|error| error.to_string())?;
        let module = self.compile(&bytes)?;
        match self.link(&module) {
            Ok(_) => Err("the module was linked".into()),
            Err(Error::Link(error)) if error.to_string().starts_with(expected) => Ok(()),
            Err(error) => Err(format!("expected `{expected}`, got: {error}").into()),
        }
    }

    /// A thread has a store of its own, because stores are not shared: of the module that it may use it gets the shared memories, and nothing else
    /// could be shared.
    fn thread(&mut self, thread: WastThread<'env>) -> Outcome {
        let mut shared: Vec<(String, SharedMemory)> = Vec::new();
        if let Some(id) = thread.shared_module {
            let named = self.named(Some(id))?;
            for (name, entity) in self.exports(named)? {
                if let Extern::Memory(memory) = entity
                    && let Some(memory) = memory.to_shared(&self.store).map_err(|error| error.to_string())?
                {
                    shared.push((name, memory));
                }
            }
        }
        let (engine, text, scope) = (self.engine, self.text, self.scope);
        let shared_name = thread.shared_module.map(|id| id.name().to_owned());
        let directives = thread.directives;
        let handle = scope.spawn(move || {
            let mut runner = Runner::new(engine, text, scope);
            let exports = shared
                .iter()
                .map(|(name, memory)| (name.clone(), Extern::Memory(Memory::from_shared(&mut runner.store, memory))))
                .collect();
            if let Some(name) = shared_name {
                runner.instances.insert(name, Named::Exports(exports));
            }
            runner.run(directives);
            runner.report
        });
        self.threads.insert(thread.name.name().to_owned(), handle);
        Ok(())
    }

    fn wait(&mut self, thread: Id<'_>) -> Outcome {
        let handle = self.threads.remove(thread.name()).ok_or("no such thread")?;
        let report = handle.join().map_err(|_| "the thread panicked")?;
        self.report.merge(report);
        Ok(())
    }
}

/// The bytes of a module that may be quoted text.
fn encode(module: &mut QuoteWat<'_>) -> Result<Vec<u8>, wast::Error> {
    if let QuoteWat::Wat(module) = module {
        return encode_parsed(module);
    }
    match module.to_test()? {
        QuoteWatTest::Binary(bytes) => Ok(bytes),
        QuoteWatTest::Text(text) => match std::str::from_utf8(&text) {
            Ok(text) => assemble_quoted(text),
            Err(_) => Err(wast::Error::new(module.span(), "malformed UTF-8 encoding".to_owned())),
        },
    }
}

fn finished(result: Result<Results, Error>) -> Outcome<Results> {
    result.map_err(|error| format!("unexpected failure: {error}").into())
}

/// Whether our message means the specification's, which may name the place as well ("uninitialized element 7"), or be a part of ours.
fn says(ours: &str, expected: &str) -> bool {
    expected.starts_with(ours) || ours.contains(expected)
}

fn thrown(result: Result<Results, Error>) -> Outcome {
    match result {
        Ok(values) => Err(format!("expected an exception, got {values:?}").into()),
        Err(Error::Exception(_)) => Ok(()),
        Err(error) => Err(format!("expected an exception, got: {error}").into()),
    }
}

fn trapped(result: Result<Results, Error>, expected: &str) -> Outcome {
    match result {
        Ok(values) => Err(format!("expected the trap `{expected}`, got {values:?}").into()),
        Err(Error::Trap(trap)) if says(trap.code.message(), expected) => Ok(()),
        Err(error) if components::trapped(&error, expected) => Ok(()),
        Err(error) => Err(format!("expected the trap `{expected}`, got: {error}").into()),
    }
}
