//! WASI: what a guest gets, and the functions by which it uses that.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use wasmer_runtime::wasi::{DirGrant, OutputBuffer, Stdin, Stdout, WasiCtx, WasiCtxBuilder, add_imports_to_linker};
use wasmer_runtime::{Error, Extern, LinkError, Linker, Module, ResourceError};

use crate::config::os_str;
use crate::fault::{attempt, null};
use crate::instance::Externs;
use crate::module::module_of;
use crate::object::Reference;
use crate::store::{CStore, Context, Data};
use crate::vector::{Vector, write};

/// `wasmer_wasi_config_t`.
struct WasiConfig(WasiCtxBuilder);

impl WasiConfig {
    /// Builders are changed by value.
    fn change(&mut self, change: impl FnOnce(WasiCtxBuilder) -> WasiCtxBuilder) {
        self.0 = change(std::mem::take(&mut self.0));
    }
}

/// Changes a configuration, if there is one.
fn change(config: Option<&mut WasiConfig>, change: impl FnOnce(WasiCtxBuilder) -> WasiCtxBuilder) {
    if let Some(config) = config {
        config.change(change);
    }
}

/// `wasmer_output_t`: what a guest has written.
struct Output(OutputBuffer);

#[unsafe(no_mangle)]
extern "C" fn wasmer_wasi_config_new(program: *const c_char) -> Option<Box<WasiConfig>> {
    Some(Box::new(WasiConfig(WasiCtxBuilder::new().arg(os_str(program)?))))
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_wasi_config_delete(config: Option<Box<WasiConfig>>) {
    drop(config);
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_wasi_config_arg(config: Option<&mut WasiConfig>, argument: *const c_char) {
    if let Some(argument) = os_str(argument) {
        change(config, |builder| builder.arg(argument));
    }
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_wasi_config_env(config: Option<&mut WasiConfig>, name: *const c_char, value: *const c_char) {
    if let (Some(name), Some(value)) = (os_str(name), os_str(value)) {
        change(config, |builder| builder.env(name, value));
    }
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_wasi_config_inherit_env(config: Option<&mut WasiConfig>) {
    change(config, WasiCtxBuilder::inherit_env);
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_wasi_config_inherit_stdin(config: Option<&mut WasiConfig>) {
    change(config, |builder| builder.stdin(Stdin::Inherit));
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_wasi_config_inherit_stdout(config: Option<&mut WasiConfig>) {
    change(config, |builder| builder.stdout(Stdout::Inherit));
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_wasi_config_inherit_stderr(config: Option<&mut WasiConfig>) {
    change(config, |builder| builder.stderr(Stdout::Inherit));
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_wasi_config_inherit_stdio(config: Option<&mut WasiConfig>) {
    change(config, WasiCtxBuilder::inherit_stdio);
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_wasi_config_stdin_bytes(config: Option<&mut WasiConfig>, bytes: Option<&Vector<u8>>) {
    let bytes = bytes.map_or(&[][..], Vector::as_slice).to_vec();
    change(config, |builder| builder.stdin(Stdin::bytes(bytes)));
}

/// A buffer of at most so many bytes, as a stream of a guest.
fn capture(
    config: Option<&mut WasiConfig>,
    bytes_max: usize,
    stream: fn(WasiCtxBuilder, Stdout) -> WasiCtxBuilder,
) -> Option<Box<Output>> {
    let buffer = OutputBuffer::with_limit(bytes_max);
    config?.change(|builder| stream(builder, Stdout::buffer(&buffer)));
    Some(Box::new(Output(buffer)))
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_wasi_config_capture_stdout(
    config: Option<&mut WasiConfig>,
    bytes_max: usize,
) -> Option<Box<Output>> {
    capture(config, bytes_max, WasiCtxBuilder::stdout)
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_wasi_config_capture_stderr(
    config: Option<&mut WasiConfig>,
    bytes_max: usize,
) -> Option<Box<Output>> {
    capture(config, bytes_max, WasiCtxBuilder::stderr)
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_output_take(output: Option<&Output>, out: Option<&mut MaybeUninit<Vector<u8>>>) {
    write(out, output.map_or(Vector::EMPTY, |output| Vector::copied(&output.0.take())));
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_output_delete(output: Option<Box<Output>>) {
    drop(output);
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_wasi_config_dir(
    config: Option<&mut WasiConfig>,
    host: *const c_char,
    guest: *const c_char,
    read_only: bool,
) {
    if let (Some(host), Some(guest)) = (os_str(host), os_str(guest)) {
        let grant = DirGrant { host: host.into(), guest: guest.into(), read_only };
        change(config, |builder| builder.dir_grant(grant));
    }
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_store_set_wasi(store: Option<&CStore>, config: Option<Box<WasiConfig>>) -> bool {
    let done = attempt(|| {
        let cell = &store.ok_or_else(|| null("the store"))?.cell;
        let built = config.ok_or_else(|| null("the configuration"))?.0.build();
        let mut context = built.map_err(|error| Error::from(ResourceError::other(error)))?;
        // So that an interrupt also ends calls that block.
        let handle = cell.interrupt_handle();
        context.set_interrupt_check(Some(Box::new(move || handle.is_interrupted())));
        cell.with_context(|store| match store {
            Context::Owner(store) => store.data_mut().wasi = Some(context),
            Context::HostFunction(caller) => caller.data_mut().wasi = Some(context),
        })
    });
    done.is_some()
}

/// Where WASI functions find what they act on. They are only made for stores that have it, and nothing takes it away.
fn context(data: &mut Data) -> &mut WasiCtx {
    data.wasi.as_mut().expect("a store with WASI functions has a context")
}

/// What WASI has for a module's imports: none where the program has to give something.
fn imports(store: &CStore, module: &Module) -> Result<Vec<Option<Extern>>, Error> {
    let has_context = store.cell.with_context(|store| match store {
        Context::Owner(store) => store.data().wasi.is_some(),
        Context::HostFunction(caller) => caller.data().wasi.is_some(),
    })?;
    if !has_context {
        return Err(LinkError::other("the store has no WASI: `wasmer_store_set_wasi` gives it one").into());
    }
    let mut linker = Linker::new();
    add_imports_to_linker(&mut linker, module, context)?;
    store
        .cell
        .with(|mut store| module.imports().map(|import| linker.get(&mut store, &import.module, &import.name)).collect())
}

#[unsafe(no_mangle)]
extern "C" fn wasmer_wasi_imports(
    store: Option<&CStore>,
    module: Option<&Reference>,
    out: Option<&mut MaybeUninit<Externs>>,
) -> bool {
    let found = attempt(|| {
        let store = store.ok_or_else(|| null("the store"))?;
        let imports = imports(store, module_of(module)?)?;
        Ok(imports.into_iter().map(|entity| Some(Reference::of_extern(&store.cell, entity?))).collect())
    });
    let is_found = found.is_some();
    write(out, found.map_or(Vector::EMPTY, Vector::from_vec));
    is_found
}
